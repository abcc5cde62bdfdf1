import { describe, expect, test } from "bun:test";
import {
  parseWebbenchArguments,
  unescapeText,
  type WebbenchRun,
} from "../../src/cli/webbench-arguments.ts";
import { MillraceError } from "../../src/core/errors.ts";

const URL = "http://h.test:8080/a";

function runOf(line: string, url: string = URL): WebbenchRun {
  const parsed = parseWebbenchArguments([...line.split(" ").filter(Boolean), url]);
  if (parsed.command !== "run") throw new Error(`a run was expected, not ${parsed.command}`);
  return parsed.run;
}

const requestOf = (run: WebbenchRun, index = 0): string =>
  Buffer.from(run.plan.requests[index]!.bytes, "base64").toString("latin1");
const firstLine = (run: WebbenchRun): string => requestOf(run).split("\r\n")[0]!;

describe("classic options", () => {
  test("mean what they mean in webbench 1.5", () => {
    const run = runOf("-c 1000 -t 10");
    expect(run.plan).toMatchObject({
      clients: 1000,
      durationMs: 10_000,
      perRequest: true,
      open: null,
    });
    expect(requestOf(run)).toBe(
      "GET /a HTTP/1.0\r\nUser-Agent: WebBench 1.5\r\nHost: h.test:8080\r\n\r\n",
    );
    expect(runOf("").plan).toMatchObject({ clients: 1, durationMs: 30_000, perRequest: true });
  });

  test.each([
    ["-9", "GET /a"],
    ["-9 --head", "HEAD /a HTTP/1.0"],
    ["--options", "OPTIONS /a HTTP/1.1"],
    ["-1 --trace", "TRACE /a HTTP/1.1"],
    ["-2", "GET /a HTTP/1.1"],
    ["-p proxy:3128", "GET http://h.test:8080/a HTTP/1.0"],
    ["--get", "GET /a HTTP/1.0"],
  ])("%s sends %p", (line, first) => {
    expect(firstLine(runOf(line))).toBe(first);
  });

  test("-f does not wait, -r reloads, -p goes elsewhere", () => {
    const run = runOf("-f -r -p proxy");
    expect(run.plan.reply).toEqual({ kind: "none" });
    expect(requestOf(run)).toContain("Pragma: no-cache\r\n");
    expect(run.plan.origins[0]).toMatchObject({ hostname: "proxy", port: 80 });
    expect(run).toMatchObject({ force: true, reload: true, proxy: "proxy:80" });
  });

  test("stay classic beside reports, processes and timeouts", () => {
    const reports = "--json - -q -P 2 --timeout 1s --success 2xx,3xx --fail-if errors>0";
    expect(runOf(`-c 5 ${reports}`).plan.perRequest).toBe(true);
  });
});

describe("our options", () => {
  test.each(["-k", "--pipeline 4", "-R 100", "-n 10", "--warm-up 1s", "-m PUT", "-H A:b"])(
    "%s keep connections in HTTP/1.1",
    (line) => {
      const run = runOf(line);
      expect(run.plan).toMatchObject({ perRequest: false, clients: 64 });
      expect(firstLine(run)).toEndWith("HTTP/1.1");
      expect(
        runOf(`${line === "-k" ? "-n 5" : line} --classic`.replace("--pipeline 4", "")).plan,
      ).toMatchObject({ perRequest: true });
    },
  );

  test("-R opens the loop, with stages of the rate", () => {
    const { plan, settings } = runOf("-R 100 --poisson --seed 7 --stages 1s:200,2s:50 -c 9");
    expect(plan).toMatchObject({ open: { poisson: true, seed: 7 }, startAt: 100, clients: 9 });
    expect(plan.durationMs).toBe(3_000);
    expect(settings).toMatchObject({ loop: "open", rate: 100, stages: "1s:200,2s:50" });
  });

  test("--stages without a rate ramps clients, from none or from -c", () => {
    expect(runOf("--stages 1s:200,2s:50").plan).toMatchObject({ startAt: 0, clients: 200 });
    expect(runOf("--stages 1s:20 -c 50").plan).toMatchObject({ startAt: 50, clients: 50 });
  });

  test("-d makes a POST, -m anything", () => {
    expect(requestOf(runOf("-d hello"))).toMatch(/^POST .*\r\nContent-Length: 5\r\n\r\nhello$/s);
    expect(firstLine(runOf("-d hello -m PUT"))).toStartWith("PUT ");
    expect(runOf("--head -k").plan.requests[0]!.method).toBe(2);
  });

  test("several URLs share connections where they go to the same place", () => {
    const args = ["-k", "3=http://a/x", "http://a/y", "https://a/z", "--insecure"];
    const parsed = parseWebbenchArguments(args);
    if (parsed.command !== "run") throw new Error("a run");
    const { origins, requests } = parsed.run.plan;
    expect(requests.map(({ origin, weight }) => [origin, weight])).toEqual([
      [0, 3],
      [0, 1],
      [1, 1],
    ]);
    expect(origins[1]!.tls).toEqual({ serverName: "a", verify: false });
  });

  test("tcp sends a payload and knows where its reply ends", () => {
    const tcp = "tcp://127.0.0.1:9000";
    const framed = runOf("--frame 2 --payload ab", tcp);
    expect(requestOf(framed)).toBe("\0\x02ab");
    expect(framed.plan).toMatchObject({
      reply: { kind: "frame", prefixBytes: 2 },
      perRequest: false,
    });
    const line = runOf("--payload PING\\r\\n --reply-delimiter \\r\\n", tcp);
    expect(requestOf(line)).toBe("PING\r\n");
    expect(line.plan.reply).toEqual({ kind: "delimiter", base64: "DQo=" });
    expect(runOf("--payload x --reply-bytes 9", tcp).plan.reply).toEqual({
      kind: "length",
      bytes: 9,
    });
  });

  test("-n ends the run by itself", () => {
    const { plan, processes } = runOf("-n 3 -P 8");
    expect(plan.count).toBe(3);
    expect(plan.durationMs).toBeGreaterThan(3_600_000);
    expect(processes).toBe(3);
  });
});

describe("parseWebbenchArguments", () => {
  test("knows what is no run", () => {
    expect(parseWebbenchArguments(["-h"])).toEqual({ command: "help" });
    expect(parseWebbenchArguments(["--", "-?"])).toEqual({ command: "help" });
    expect(parseWebbenchArguments(["-V"])).toEqual({ command: "version" });
    const files = ["a.json", "b.json"] as const;
    expect(parseWebbenchArguments(["--compare", ...files])).toEqual({ command: "compare", files });
  });

  test.each([
    ["", "", "a URL is missing"],
    ["--compare", "a.json", "needs two results"],
    ["--classic -k", URL, "--keepalive: excludes --classic"],
    ["--classic --pipeline 2", URL, "--pipeline: needs kept connections"],
    ["-f -k", URL, "excludes --force"],
    ["--poisson", URL, "--poisson: needs --rate"],
    ["--stages 1s:5 -t 5", URL, "--time: excludes --stages"],
    ["--timeout 0", URL, "--timeout: must be above 0"],
    ["-d a --body-file b", URL, "--body-file: excludes --body"],
    ["--body-file /no/such", URL, "--body-file: cannot read"],
    ["--payload x", URL, "--payload: is for tcp:// only"],
    ["--payload x", "tcp://a:1", "needs one of --reply-bytes"],
    ["--payload x --frame 4 --reply-bytes 5", "tcp://a:1", "needs one of --reply-bytes"],
    ["--frame 4", "tcp://a:1", "needs one of --payload"],
    ["--frame 4 --payload x -H a:b", "tcp://a:1", "--header: is for http only"],
    ["-p proxy --unix /a", URL, "--proxy: excludes --unix"],
    ["-p http://x/y", URL, "is not a host with a port"],
    ["-p proxy", "https://a/", "https through a proxy"],
    ["tcp://a:1", URL, "cannot be mixed"],
    ["-m G:T", URL, "it is no token"],
    ["-H nothing", URL, 'must be "Name: value"'],
    ["--fail-if p99>50", URL, "p99 is a time"],
    ["-c -5", URL, '-c: "-5" is not a number between 1 and 1000000'],
  ])("refuses %p %p", (line, url, reason) => {
    const args = [...line.split(" "), url].filter((arg) => arg !== "");
    expect(() => parseWebbenchArguments(args)).toThrow(reason);
    expect(() => parseWebbenchArguments(args)).toThrow(MillraceError);
  });
});

test("unescapeText knows C's escapes, and leaves other text alone", () => {
  expect(unescapeText("a\\r\\n\\t\\0\\x7F\\\\\\q\u00e9").toString("latin1")).toBe(
    "a\r\n\t\0\x7f\\q\u00c3\u00a9",
  );
});
