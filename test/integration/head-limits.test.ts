// The limits of heads, trailers and bodies as a peer meets them: each has its status, the
// connection closes behind it, and a byte less is served. Set on the command line and by listeners.

import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./head-limits-app.ts", import.meta.url));
const WELCOME: readonly string[] = [];

let server: ServerProcess | null = null;

afterEach(async () => {
  await server?.kill();
  server = null;
});

async function start(args: readonly string[]): Promise<ServerProcess> {
  server = await ServerProcess.start([...args, "--workers", "1"]);
  while (args[0] === APP && server.stdout.length < 3) await Bun.sleep(1); // its ready lines
  return server;
}

/** Of the listener with this index. */
function portOf(index: number): number {
  return Number(/:(\d+) \(/.exec(server!.stdout[index] ?? "")![1]);
}

/** Sends `text` in pieces of `step` bytes, and tells the statuses until the server closes. */
async function statuses(port: number, text: string, step = text.length): Promise<number[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let received = "";
  let at = 0;
  const pump = (socket: Bun.Socket<undefined>): void => {
    while (at < text.length) {
      const piece = Buffer.from(text.slice(at, at + step), "latin1");
      const taken = socket.write(piece);
      at += Math.max(0, taken);
      if (taken < piece.length) return;
    }
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: pump,
      drain: pump,
      data: (_socket, chunk) => void (received += chunk.toString("latin1")),
      end: () => resolve(),
      close: () => resolve(),
      error: () => resolve(),
    },
  });
  await promise;
  socket.terminate();
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

const CLOSE = "Connection: close\r\n";

/** A GET whose target has so many bytes. */
function target(bytes: number): string {
  return `GET /${"a".repeat(bytes - 1)} HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`;
}

/** A GET whose head has so many bytes in lines of `line` at most. */
function head(bytes: number, line = 100): string {
  let text = `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}`;
  while (text.length + 2 < bytes) {
    const length = Math.min(line, bytes - text.length - 2);
    const left = bytes - text.length - 2 - length;
    const cut = left > 0 && left < 6 ? length - 6 : length;
    text += `X: ${"a".repeat(cut - 5)}\r\n`;
  }
  return `${text}\r\n`;
}

function headers(count: number): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}${"X:\r\n".repeat(count - 2)}\r\n`;
}

/** A line has so many bytes without its end. */
function line(bytes: number): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${CLOSE}X: ${"a".repeat(bytes - 3)}\r\n\r\n`;
}

function body(bytes: number): string {
  const size = `Content-Length: ${bytes}\r\n`;
  return `POST /echo HTTP/1.1\r\nHost: a\r\n${CLOSE}${size}\r\n${"b".repeat(bytes)}`;
}

/** The section has so many bytes with its blank line. */
function trailers(bytes: number): string {
  const section = `X: ${"a".repeat(bytes - 7)}\r\n\r\n`;
  const coding = "Transfer-Encoding: chunked\r\n";
  return `POST /echo HTTP/1.1\r\nHost: a\r\n${CLOSE}${coding}\r\n2\r\nhi\r\n0\r\n${section}`;
}

/** At the limit it is served; a byte more is refused, whole and cut, and nothing behind it read. */
async function meets(
  port: number,
  of: (size: number) => string,
  limit: number,
  status: number,
): Promise<void> {
  const [served] = await statuses(port, of(limit));
  expect([limit, served !== undefined && served < 400]).toEqual([limit, true]);
  const next = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const step of [Infinity, 7]) {
    expect([limit + 1, await statuses(port, of(limit + 1) + next, step)]).toEqual([
      limit + 1,
      [status],
    ]);
  }
}

describe("on the command line", () => {
  test("each limit is met where it says, and answered as it says", async () => {
    const small = ["--max-target", "300", "--max-head", "2KB", "--max-headers", "20"];
    const more = ["--max-header-line", "400B", "--max-trailers", "60", "--max-body", "1KB"];
    const { port } = await start([...WELCOME, ...small, ...more]);
    await meets(port, (bytes) => target(bytes).replace("/aaaaaa", "/hello?"), 300, 414);
    await meets(port, (bytes) => head(bytes, 300), 2048, 431);
    await meets(port, headers, 20, 431);
    await meets(port, line, 400, 431);
    await meets(port, body, 1024, 413);
    await meets(port, trailers, 60, 431);
    expect((await fetch(`http://127.0.0.1:${port}/hello`)).status).toBe(200);
  });

  test("a target that fills the whole head is the target's fault", async () => {
    const { port } = await start(["--max-target", "1MB", "--max-head", "256"]);
    for (const step of [Infinity, 1]) {
      expect(await statuses(port, target(300), step)).toEqual([414]);
      expect(await statuses(port, head(300), step)).toEqual([431]);
      expect(await statuses(port, `GET http://${"a".repeat(300)}/ HT`, step)).toEqual([414]);
    }
  });

  test("it goes before what a listener says, and only where it says something", async () => {
    await start([APP, "--max-headers", "50"]);
    expect(await statuses(portOf(0), headers(50))).toEqual([200]);
    expect(await statuses(portOf(0), headers(51))).toEqual([431]);
    expect(await statuses(portOf(1), headers(51))).toEqual([431]);
    expect(await statuses(portOf(0), target(101))).toEqual([414]);
  });

  test("a limit that is none ends the command with its name", async () => {
    for (const [option, value] of [
      ["--max-target", "0"],
      ["--max-head", "-1"],
      ["--max-head", "2MB"],
      ["--max-headers", "1e99"],
      ["--max-header-line", "12XB"],
      ["--max-trailers", "9999999999999999TB"],
      ["--write-min", "0"],
    ] as const) {
      const { code, stdout, stderr } = await ServerProcess.run([option, value]);
      expect([code, stdout, stderr.trim().split("\n").length]).toEqual([2, "", 1]);
      expect(stderr).toContain(`${option}: "${value}" is not a`);
    }
  });
});

describe("of a listener", () => {
  test("each limit is met where it says, in both forms", async () => {
    await start([APP]);
    const port = portOf(0);
    await meets(port, target, 100, 414);
    await meets(port, headers, 5, 431);
    await meets(port, line, 200, 431);
    await meets(port, body, 1000, 413);
    await meets(port, trailers, 50, 431);
    expect(await statuses(port, "GET / HTTP/1.1\r\nHost: a\r\nX: ")).toEqual([408]);
  });

  test("heads of a megabyte are read, whole and in pieces", async () => {
    await start([APP]);
    const port = portOf(1);
    const long = `GET /${"a".repeat(1_000_000)} HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`;
    const many = headers(10_000);
    for (const step of [Infinity, 60_000]) {
      expect(await statuses(port, long, step)).toEqual([200]);
      expect(await statuses(port, many, step)).toEqual([200]);
      expect(await statuses(port, headers(10_001), step)).toEqual([431]);
      expect(await statuses(port, line((1 << 20) + 1), step)).toEqual([431]);
    }
    expect((await fetch(`http://127.0.0.1:${port}/x`)).status).toBe(200);
  });

  test("a large head can be read when its request has been answered", async () => {
    const { stderr } = await start([APP]);
    const text = headers(3000).replace("GET / ", "GET /late ").replaceAll("X:", "XY:");
    expect(await statuses(portOf(1), text)).toEqual([200]);
    await server!.untilLogged(/late 3/);
    expect(stderr.filter((each) => /exited|assert/i.test(each))).toEqual([]);
  });

  test("a head that stops at its very limit is told so at once", async () => {
    await start([APP]);
    const begun = `GET / HTTP/1.1\r\nHost: a\r\n${`X: ${"a".repeat(196)}\r\n`.repeat(4)}`;
    for (const step of [Infinity, 1]) {
      const text = begun.padEnd(1025, "e");
      expect(await statuses(portOf(0), text, step)).toEqual([431]);
      expect(await statuses(portOf(0), text.slice(0, 1024), step)).toEqual([408]);
    }
  });

  test("long paths are looked for in a folder, and are not there", async () => {
    await start([APP, "--max-target", "1MB", "--max-head", "1MB"]);
    const port = portOf(2);
    for (const path of ["/".repeat(60_000), "/a".repeat(60_000), `/${"%2e%2e/".repeat(9_000)}`]) {
      const [status] = await statuses(port, `GET ${path} HTTP/1.1\r\nHost: a\r\n${CLOSE}\r\n`);
      expect([path.slice(0, 9), status! >= 300 && status! < 500]).toEqual([path.slice(0, 9), true]);
    }
    expect((await fetch(`http://127.0.0.1:${port}/head-limits-app.ts`)).status).toBe(200);
  });
});
