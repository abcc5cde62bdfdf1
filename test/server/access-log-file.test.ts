// The file that workers append to together: whole lines whatever happens to the disk, the pipe, the
// folder and the worker, and every line written or counted as lost.

import { afterAll, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCESS_LOG_BYTES_MAX, ACCESS_LOG_LINE_BYTES_MAX } from "../../src/core/limits.ts";
import { createLog } from "../../src/core/log.ts";
import { AccessLogFile, AccessLogFiles, checkAccessLog } from "../../src/server/access-log-file.ts";
import { Random, seedOfRun } from "../support/random.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-file-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

class Writer {
  readonly log: string[] = [];
  lost = 0;
  written = 0;
  readonly file: AccessLogFile;

  constructor(name: string) {
    const log = createLog({ write: (line) => void this.log.push(line.slice(25)) });
    const onLost = (lines: number): void => void (this.lost += lines);
    this.file = new AccessLogFile({ path: name.startsWith("/") ? name : path(name), log, onLost });
  }

  line(text: string): void {
    const block = this.file.room();
    if (block === null) return;
    const end = block.length + block.bytes.write(`${text}\n`, block.length, "latin1");
    this.file.commit(end);
    this.written++;
  }
}

async function until(done: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 8000;
  while (!done()) {
    if (performance.now() > endMs) throw new Error(`${what} did not happen`);
    await Bun.sleep(1);
  }
}

test("AccessLogFile writes by itself after a moment, and all of it at its end", async () => {
  const writer = new Writer("moment");
  writer.line("first");
  await until(() => readFileSync(path("moment"), "latin1") === "first\n", "the first line");
  writer.line("second");
  await writer.file.close();
  expect(readFileSync(path("moment"), "latin1")).toBe("first\nsecond\n");
  expect([writer.log, writer.lost]).toEqual([[], 0]);
  expect(statSync(path("moment")).mode & 0o777).toBe(0o640);
});

test("AccessLogFile appends to what is there", async () => {
  for (const text of ["a", "b"]) {
    const writer = new Writer("append");
    writer.line(text);
    await writer.file.close();
    await writer.file.close();
  }
  expect(readFileSync(path("append"), "latin1")).toBe("a\nb\n");
});

test("AccessLogFile never mixes the lines of several writers", async () => {
  const random = new Random(seedOfRun());
  const writers = [0, 1, 2].map(() => new Writer("shared"));
  const counts = [0, 0, 0];
  for (let round = 0; round < 3000; round++) {
    const index = random.below(3);
    const text = `${index} ${counts[index]!++} `.padEnd(random.below(2000) + 12, "x");
    writers[index]!.line(`${text}|`);
    if (random.oneIn(20)) await Bun.sleep(0);
  }
  await Promise.all(writers.map((writer) => writer.file.close()));
  const lines = readFileSync(path("shared"), "latin1").split("\n").slice(0, -1);
  expect([random.seed, lines.length]).toEqual([random.seed, 3000]);
  const next = [0, 0, 0];
  for (const line of lines) {
    const match = /^([012]) (\d+) x*\|$/.exec(line);
    expect([random.seed, line, match === null]).toEqual([random.seed, line, false]);
    expect(Number(match![2])).toBe(next[Number(match![1])]!++);
  }
});

test("AccessLogFile follows a file that is renamed, and a new one opens it anew", async () => {
  const old = new Writer("rotated");
  old.line("before");
  old.file.flush();
  await until(() => statSync(path("rotated")).size > 0, "the first line");
  renameSync(path("rotated"), path("rotated.1"));
  const young = new Writer("rotated");
  young.line("new");
  old.line("after");
  await Promise.all([old.file.close(), young.file.close()]);
  expect(readFileSync(path("rotated.1"), "latin1")).toBe("before\nafter\n");
  expect(readFileSync(path("rotated"), "latin1")).toBe("new\n");
});

test("AccessLogFile counts what a full disk refuses, and says so once", async () => {
  const writer = new Writer("/dev/full");
  for (let round = 0; round < 5; round++) {
    writer.line("x".repeat(1000));
    writer.file.flush();
  }
  await until(() => writer.log.length > 0, "the report");
  await writer.file.close();
  expect(writer.lost).toBe(5);
  expect(writer.log).toHaveLength(2);
  expect(writer.log[0]).toMatch(/^error Cannot write the access log \/dev\/full: ENOSPC/);
  expect(writer.log[1]).toBe("warn the access log /dev/full lacks its last 5 lines\n");
});

test("AccessLogFile keeps lines while its folder is away, up to its bound", async () => {
  const writer = new Writer("away/log");
  expect(writer.log).toHaveLength(1);
  expect(writer.log[0]).toMatch(/^error Cannot write the access log .*away\/log: ENOENT/);
  const text = "y".repeat(4000);
  const most = ACCESS_LOG_BYTES_MAX / text.length;
  let sent = 0;
  for (; writer.lost < 10; sent++) writer.line(text);
  expect(sent).toBeGreaterThan(most * 0.9);
  expect(sent).toBeLessThan(most + 20);
  expect(writer.log).toHaveLength(1);
  mkdirSync(path("away"));
  await until(() => writer.log.length > 1, "the recovery");
  expect(writer.log[1]).toMatch(/^warn the access log .* is written again: 10 lines were lost\n$/);
  writer.line("last");
  await writer.file.close();
  const lines = readFileSync(path("away/log"), "latin1").split("\n").slice(0, -1);
  expect([lines.length, lines.at(-1)]).toEqual([sent - 10 + 1, "last"]);
  expect(lines.slice(0, -1).every((line) => line === text)).toBe(true);
});

test("AccessLogFile neither waits for a pipe's reader nor tears lines apart in it", async () => {
  expect(spawnSync("mkfifo", [path("pipe")]).status).toBe(0);
  const writer = new Writer("pipe");
  expect(writer.log[0]).toMatch(/ENXIO/); // nobody reads yet
  const fd = openSync(path("pipe"), constants.O_RDONLY | constants.O_NONBLOCK);
  const line = "z".repeat(1500);
  for (let count = 0; count < 200; count++) writer.line(`${count} ${line}`);
  writer.file.flush();
  const chunk = Buffer.alloc(8000);
  let text = "";
  await until(() => {
    const count = readIfThere(fd, chunk);
    if (count > 0) {
      const piece = chunk.toString("latin1", 0, count);
      text += piece;
    }
    return text.split("\n").length === 201;
  }, "the end of the pipe");
  await writer.file.close();
  closeSync(fd);
  const expected = Array.from({ length: 200 }, (_, index) => `${index} ${line}\n`).join("");
  expect(text === expected).toBe(true);
  expect(writer.lost).toBe(0);
});

function readIfThere(fd: number, target: Buffer): number {
  try {
    return readSync(fd, target, 0, target.length, null);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}

test("AccessLogFile survives a pipe that nobody empties, and ends in time", async () => {
  expect(spawnSync("mkfifo", [path("stuck")]).status).toBe(0);
  const fd = openSync(path("stuck"), constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = new Writer("stuck");
  for (let count = 0; count < 200; count++) writer.line("s".repeat(1000));
  writer.file.flush();
  await writer.file.close();
  expect(writer.lost).toBeGreaterThan(100);
  expect(writer.log.at(-1)).toContain(`lacks its last ${writer.lost} lines`);
  closeSync(fd);
});

test("AccessLogFile takes lines as long as they may be", async () => {
  const writer = new Writer("long");
  const text = "l".repeat(ACCESS_LOG_LINE_BYTES_MAX - 1);
  for (let count = 0; count < 100; count++) writer.line(text);
  await writer.file.close();
  expect(readFileSync(path("long"), "latin1")).toBe(`${text}\n`.repeat(100));
});

/** Runs code with a `file` that logs to standard output in a process of its own, and gives that. */
async function inProcess(name: string, code: string, before = ""): Promise<string> {
  const source = join(import.meta.dir, "../../src");
  const script = `
    import { AccessLogFile } from "${source}/server/access-log-file.ts";
    import { createLog } from "${source}/core/log.ts";
    const log = createLog({ write: (line) => process.stdout.write(line) });
    const file = new AccessLogFile({ path: "${path(name)}", log, onLost() {} });
    function line(text) {
      const block = file.room();
      file.commit(block.length + block.bytes.write(text + "\\n", block.length));
    }
    ${code}`;
  const shell = `${before} exec "$0" -e "$1"`;
  const child = spawn("sh", ["-c", shell, process.execPath, script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  await new Promise((resolve) => child.on("close", resolve));
  return output;
}

test("AccessLogFile writes what it has when its thread ends without closing it", async () => {
  await inProcess("crash", 'line("last words"); process.exit(1);');
  expect(readFileSync(path("crash"), "latin1")).toBe("last words\n");
});

test("AccessLogFile writes a line again of which the disk took only a part", async () => {
  const output = await inProcess(
    "part",
    `import { existsSync, renameSync, statSync } from "node:fs";
     for (const letter of "abcde") line(letter.repeat(299));
     file.flush();
     while (statSync("${path("part")}").size < 1024) await Bun.sleep(1);
     renameSync("${path("part")}", "${path("part.1")}");
     while (!existsSync("${path("part")}")) await Bun.sleep(1);
     await file.close();`,
    "trap '' XFSZ; ulimit -f 2;", // blocks of 512 bytes
  );
  const [a, b, c, d, e] = [..."abcde"].map((letter) => `${letter.repeat(299)}\n`);
  expect(readFileSync(path("part.1"), "latin1")).toBe(`${a}${b}${c}${"d".repeat(124)}`);
  expect(readFileSync(path("part"), "latin1")).toBe(`\n${d}${e}`);
  expect(output).toMatch(/^\S+ error Cannot write .*EFBIG.*\n\S+ warn .*: 0 lines were lost\n$/);
});

test("AccessLogFiles opens a file once for all who name it", async () => {
  const files = new AccessLogFiles(createLog({ write: () => {} }), () => {});
  expect(files.open(path("one"))).toBe(files.open(path("one")));
  expect(files.open(path("two"))).not.toBe(files.open(path("one")));
  await files.close();
});

test("checkAccessLog says in one line what stands in the way", () => {
  const missing = path("missing/log");
  expect(() => checkAccessLog(missing)).toThrow(`Cannot write the access log ${missing}: ENOENT`);
  expect(() => checkAccessLog(folder)).toThrow("EISDIR");
  checkAccessLog("-");
  checkAccessLog(path("new"));
  expect(existsSync(path("new"))).toBe(true);
});
