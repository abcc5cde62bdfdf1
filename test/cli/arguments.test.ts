import { describe, expect, test } from "bun:test";
import { parseStartArguments, startHelp } from "../../src/cli/arguments.ts";
import { MillraceError } from "../../src/core/errors.ts";

type Options = ReturnType<typeof parseStartArguments>;

/** Only what was asked for. */
function parse(line: string, environment: Record<string, string> = {}): Partial<Options> {
  const options = parseStartArguments(line === "" ? [] : line.split(" "), environment);
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function problem(line: string, environment: Record<string, string> = {}): string {
  try {
    return JSON.stringify(parse(line, environment));
  } catch (error) {
    expect((error as MillraceError).code).toBe("ERR_USAGE");
    return (error as Error).message;
  }
}

describe("parseStartArguments", () => {
  test("asks for nothing when nothing is said", () => {
    expect(parse("")).toEqual({});
  });

  test("reads every option", () => {
    const line =
      "./app.ts --port 0 --host ::1 --workers 3 --memory-limit 1GB --max-connections 9 " +
      "--idle-timeout 5s --head-timeout 0 --body-timeout 3s --body-min 1KB --write-timeout 1s " +
      "--drain-timeout 1m --max-body 0 --write-min 4KB --ready-timeout 2m " +
      "--max-target 1 --max-head 256B " +
      "--max-headers 10000 --max-header-line 1MB --max-trailers 0 " +
      "--backlog 1 --admin [::1]:9 --log-level silent " +
      "--access-log - --access-log-format json --request-id on --slow-request 2s";
    expect(parse(line)).toEqual({
      service: "./app.ts",
      port: 0,
      host: "::1",
      workers: 3,
      memoryLimitBytes: 2 ** 30,
      maxConnections: 9,
      idleTimeoutMs: 5_000,
      headTimeoutMs: 0,
      bodyTimeoutMs: 3000,
      bodyBytesMin: 1024,
      writeStallMs: 1_000,
      drainTimeoutMs: 60_000,
      bodyBytesMax: 0,
      writeBytesMin: 4096,
      readyTimeoutMs: 120_000,
      targetBytesMax: 1,
      headBytesMax: 256,
      headersMax: 10_000,
      headerBytesMax: 2 ** 20,
      trailerBytesMax: 0,
      backlog: 1,
      admin: { host: "::1", port: 9 },
      logLevel: "silent",
      accessLog: { file: "-", format: "json" },
      requestId: true,
      slowRequestMs: 2_000,
    });
    expect(parse("--unix ./a b --workers auto --admin off".replace(" b", ""))).toEqual({
      unix: "./a",
      workers: "auto",
    });
  });

  test("does not mind the -- that a script runner hands on", () => {
    expect(parse("-- --port 1 ./a")).toEqual({ port: 1, service: "./a" });
    expect(parse("--")).toEqual({});
  });

  test("takes PORT for --port, which wins", () => {
    expect(parse("", { PORT: "81" })).toEqual({ port: 81 });
    expect(parse("--port 82", { PORT: "81" })).toEqual({ port: 82 });
    expect(parse("--port 82", { PORT: "nonsense" })).toEqual({ port: 82 });
    expect(parse("", { PORT: "" })).toEqual({});
    expect(parse("--unix /s", { PORT: "81" })).toEqual({ unix: "/s" });
    expect(problem("", { PORT: "x" })).toBe('PORT: "x" is not a number between 0 and 65535');
  });

  test.each([
    ["--port 65536", "--port:"],
    ["--port 1.5", "--port:"],
    ["--port 0x50", "--port:"],
    ["--port 1e3", "--port:"],
    ["--host=", "--host:"],
    ["--unix=", "--unix:"],
    ["--workers 257", "--workers:"],
    ["--workers -1", "--workers:"],
    ["--memory-limit 15MB", "--memory-limit:"],
    ["--memory-limit 16GB", "--memory-limit:"],
    ["--max-connections 0", "--max-connections:"],
    ["--idle-timeout 5", "--idle-timeout:"],
    ["--body-timeout 5", "--body-timeout:"],
    ["--body-min 0", "--body-min:"],
    ["--drain-timeout forever", "--drain-timeout:"],
    ["--max-body -1", "--max-body:"],
    ["--backlog 0", "--backlog:"],
    ["--backlog 2147483648", "--backlog:"],
    ["--admin on", "--admin:"],
    ["--admin ::1:90", "--admin:"],
    ["--log-level WARN", "--log-level:"],
    ["--access-log=", "--access-log:"],
    ["--access-log-format json", "--access-log-format: needs --access-log"],
    ["--access-log a --access-log-format xml", "--access-log-format:"],
    ["--request-id yes", "--request-id:"],
    ["--request-id", "--request-id: needs a value"],
    ["--slow-request 1", "--slow-request:"],
    ["--unix a --host b", "--unix:"],
    ["a b", 'one folder or module at a time, not also "b"'],
  ])("refuses %p and names the option", (line, start) => {
    expect(problem(line)).toStartWith(start);
  });

  test.each([
    ["--max-target", ["0", "1.1MB", "1048577"]],
    ["--max-head", ["0", "255", "32", "1025KB"]], // larger than the io_buf that holds a head
    ["--max-header-line", ["0", "2MB"]],
    ["--max-headers", ["0", "10001", "100B", "1.5", "16KB"]],
    ["--max-trailers", ["2MB"]],
    ["--max-body", ["99999999999999999999"]],
    ["--body-min", ["0"]],
    ["--write-min", ["0"]],
  ])("refuses every %s that is no limit, and says what is one", (option, values) => {
    const never = ["-1", "1e99", "12XB", "", " ", "NaN", "Infinity", "0x10", "+1", "1,5KB", "١"];
    for (const value of [...never, ...values]) {
      const attempt = (): unknown => parseStartArguments([`${option}=${value}`], {});
      expect(attempt).toThrow(MillraceError);
      expect(attempt).toThrow(`${option}: "${value}" is not a`);
    }
    expect(problem(option)).toStartWith(`${option}: needs a value`);
    expect(problem(`${option} --port 1`)).toStartWith(`${option}: needs a value`);
  });
});

test("an empty name is refused: it would stand for the current folder", () => {
  expect(() => parseStartArguments([""], {})).toThrow('"" is neither a folder nor a module');
});

test("startHelp fits a terminal", () => {
  const lines = startHelp().split("\n");
  expect(lines.every((line) => line.startsWith("  --"))).toBe(true);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});
