// Files over real sockets, where the kernel sends them: whole and in order to fast, slow and many
// peers, never passed off as whole when they are not, and nothing left open in the end.

import { createHash } from "node:crypto";
import { chmodSync, readdirSync, readlinkSync, renameSync, truncateSync } from "node:fs";
import { afterAll, describe, expect, test } from "bun:test";
import { Random } from "../support/random.ts";
import { ServerProcess } from "../support/server-process.ts";
import { FIRST_CERT, FIRST_KEY } from "../net/tls-certificates.ts";
import { SiteFolder, StaticServer } from "../server/static-world.ts";

const MIB = 1 << 20;
const CONTENT = Buffer.from(new Random(7).bytes(MIB)); // repeated, with a mark in each piece
const LARGE: Buffer = Buffer.concat(
  Array.from({ length: 12 }, (_, index) =>
    Buffer.concat([Buffer.from(`piece ${index};`), CONTENT]),
  ),
);
const folder = new SiteFolder({
  "large.bin": LARGE,
  "middle.bin": LARGE.subarray(0, 100_000),
  "small.bin": LARGE.subarray(0, 1000),
});
afterAll(() => folder[Symbol.dispose]());

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function openCount(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.outside);
    } catch {
      return false;
    }
  }).length;
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await Bun.sleep(1);
}

/** A client that reads what it gets only while it is told to. */
class SlowClient {
  received: Buffer[] = [];
  bytes = 0;
  closed = false;
  private readonly socket: Bun.Socket;

  private constructor(socket: Bun.Socket) {
    this.socket = socket;
  }

  static async connect(port: number): Promise<SlowClient> {
    let client: SlowClient | null = null;
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => client!.take(chunk),
        close: () => void (client!.closed = true),
        error: () => {},
      },
    });
    client = new SlowClient(socket);
    return client;
  }

  private take(chunk: Buffer): void {
    this.received.push(chunk);
    this.bytes += chunk.length;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  reset(): void {
    this.socket.terminate();
  }

  /** The first so many bytes of the body of the only answer. */
  body(): Buffer {
    const all = Buffer.concat(this.received);
    return all.subarray(all.indexOf("\r\n\r\n") + 4);
  }
}

const GET_LARGE = "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n";

describe("a large file", () => {
  test("arrives whole, alone and for many at once", async () => {
    using server = new StaticServer(folder);
    const bodies = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const path = index % 2 === 0 ? "/large.bin" : "/middle.bin";
        const response = await fetch(server.url + path);
        return [index % 2, digest(new Uint8Array(await response.arrayBuffer()))];
      }),
    );
    const wanted = [digest(LARGE), digest(LARGE.subarray(0, 100_000))];
    for (const [which, sum] of bodies) expect(sum).toBe(wanted[which as number]!);
  });

  test("arrives in ranges that are right at every edge", async () => {
    using server = new StaticServer(folder);
    for (const [start, last] of [
      [0, 0],
      [MIB - 1, MIB + 1],
      [5_000_000, 9_999_999],
      [LARGE.length - 1, LARGE.length - 1],
    ] as const) {
      const headers = { Range: `bytes=${start}-${last}` };
      const response = await fetch(`${server.url}/large.bin`, { headers });
      expect(response.status).toBe(206);
      const got = Buffer.from(await response.arrayBuffer());
      expect(got.equals(LARGE.subarray(start, last + 1))).toBe(true);
    }
    const headers = { Range: "bytes=0-9,3000000-6000000,11000000-11000009" };
    const response = await fetch(`${server.url}/large.bin`, { headers });
    const text = Buffer.from(await response.arrayBuffer());
    expect(Number(response.headers.get("content-length"))).toBe(text.length);
    expect(text.includes(LARGE.subarray(3_000_000, 6_000_001))).toBe(true);
  });

  test("waits for a peer that does not read, holding next to nothing, and goes on", async () => {
    using server = new StaticServer(folder);
    const rest = server.pool.heldBytes;
    const client = await SlowClient.connect(server.port);
    client.pause();
    client.send(GET_LARGE);
    let sent = -1;
    await until(() => {
      const now = server.counters[3]!; // bytes out
      const still = now > 0 && now === sent;
      sent = now;
      return still;
    });
    expect(sent).toBeLessThan(LARGE.length);
    expect(server.pool.heldBytes - rest).toBeLessThanOrEqual(256 * 1024);
    for (let step = 0; step < 20 && !client.closed; step++) {
      client.resume();
      const goal = Math.min(client.bytes + 500_000, LARGE.length);
      await until(() => client.bytes >= goal);
      client.pause();
    }
    client.resume();
    await until(() => client.body().length >= LARGE.length);
    expect(digest(client.body())).toBe(digest(LARGE));
    client.reset();
  });

  test("and pipelined answers behind it keep their order", async () => {
    using server = new StaticServer(folder);
    const client = await SlowClient.connect(server.port);
    const small = "GET /small.bin HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(small + GET_LARGE + small);
    await until(() => client.bytes >= LARGE.length + 2000);
    const body = Buffer.concat(client.received);
    const at = body.indexOf(LARGE.subarray(0, 2000));
    expect(digest(body.subarray(at, at + LARGE.length))).toBe(digest(LARGE));
    expect(body.lastIndexOf("HTTP/1.1 200 OK")).toBe(at + LARGE.length);
    client.reset();
  });

  test("goes on as it was when it is replaced, and the next answer is the new one", async () => {
    folder.write("replaced.bin", LARGE);
    using server = new StaticServer(folder, { revalidateMs: 0 });
    const client = await SlowClient.connect(server.port);
    client.pause();
    client.send("GET /replaced.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => server.counters[3]! > 0);
    folder.write("new.bin", "new");
    renameSync(`${folder.root}/new.bin`, `${folder.root}/replaced.bin`);
    expect(await (await fetch(`${server.url}/replaced.bin`)).text()).toBe("new");
    client.resume();
    await until(() => client.body().length >= LARGE.length);
    expect(digest(client.body())).toBe(digest(LARGE));
    client.reset();
  });

  test("is cut off, not passed off as whole, when it is cut short meanwhile", async () => {
    folder.write("short.bin", LARGE);
    using server = new StaticServer(folder);
    const client = await SlowClient.connect(server.port);
    client.pause();
    client.send("GET /short.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => server.counters[3]! > 0);
    truncateSync(`${folder.root}/short.bin`, 1000);
    client.resume();
    await until(() => client.closed);
    expect(client.body().length).toBeLessThan(LARGE.length);
  });

  test("is let go of by a peer that leaves in the middle", async () => {
    using server = new StaticServer(folder);
    const rest = server.pool.heldBytes;
    for (let round = 0; round < 10; round++) {
      const client = await SlowClient.connect(server.port);
      client.pause();
      client.send(GET_LARGE);
      const before = server.counters[3]!;
      await until(() => server.counters[3]! > before);
      client.reset();
    }
    await until(() => server.reactor.connections.size === 0);
    await until(() => server.pool.heldBytes <= rest);
    expect(openCount()).toBeLessThanOrEqual(2); // what the caches keep for the next
    expect(await (await fetch(`${server.url}/small.bin`)).arrayBuffer()).toHaveProperty(
      "byteLength",
    );
  });
});

test("files are encrypted where the socket is, whole and in ranges", async () => {
  using server = new StaticServer(folder, {}, { cert: FIRST_CERT, key: FIRST_KEY });
  const tls = { rejectUnauthorized: false };
  const url = `https://127.0.0.1:${server.port}`;
  for (const path of ["/small.bin", "/middle.bin", "/large.bin", "/large.bin"]) {
    const got = new Uint8Array(await (await fetch(url + path, { tls })).arrayBuffer());
    const wanted = LARGE.subarray(0, got.length);
    expect([path, got.length > 999, digest(got)]).toEqual([path, true, digest(wanted)]);
  }
  const headers = { Range: "bytes=100-5000000" };
  const part = await fetch(`${url}/large.bin`, { tls, headers });
  const got = new Uint8Array(await part.arrayBuffer());
  expect(digest(got)).toBe(digest(LARGE.subarray(100, 5_000_001)));
});

describe("curl", () => {
  const curl = Bun.which("curl");

  /** Runs without blocking: the server is in this process. */
  async function run(...args: string[]): Promise<{ code: number; out: Buffer }> {
    const child = Bun.spawn([curl!, "-sS", ...args], { stdout: "pipe", stderr: "pipe" });
    const out = Buffer.from(await new Response(child.stdout).arrayBuffer());
    return { code: await child.exited, out };
  }

  test.if(curl !== null)("resumes a download where it stopped", async () => {
    using server = new StaticServer(folder);
    const half = folder.write("../half.bin", LARGE.subarray(0, 5_000_000));
    const { code } = await run("-C", "-", "-o", half, `${server.url}/large.bin`);
    expect(code).toBe(0);
    expect(digest(new Uint8Array(await Bun.file(half).arrayBuffer()))).toBe(digest(LARGE));
  });

  test.if(curl !== null)("does not climb out with --path-as-is", async () => {
    using server = new StaticServer(folder);
    folder.write("../secret.txt", "SECRET");
    for (const path of [
      "/../secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e/secret.txt",
      "//../secret.txt",
    ]) {
      const { out } = await run("--path-as-is", "-w", "%{http_code}", server.url + path);
      expect([path, out.toString()]).toEqual([path, "404 Not Found\n404"]);
    }
  });

  test.if(curl !== null)("downloads nothing again with -z", async () => {
    using server = new StaticServer(folder);
    const copy = folder.write("../copy.bin", "");
    const when = ["-z", "Fri, 02 Jan 2026 03:04:05 GMT"];
    const { out } = await run(...when, "-o", copy, "-w", "%{http_code}", `${server.url}/small.bin`);
    expect(out.toString()).toBe("304");
  });
});

describe("a process at its limits", () => {
  const app = `${import.meta.dir}/static-limits-app.ts`;

  async function run(prefix: readonly string[], mode: string, root: string): Promise<string> {
    const command = [...prefix, process.execPath, app, mode, root];
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
    return (await new Response(child.stdout).text()).trim();
  }

  test.if(Bun.which("prlimit") !== null)(
    "without descriptors answers 503 and recovers",
    async () => {
      using site = new SiteFolder({ small: "s", "large-1": "x".repeat(99_999), "large-2": "y" });
      site.write("large-2", "y".repeat(99_999));
      const statuses = await run(["prlimit", "--nofile=100"], "descriptors", site.root);
      expect(statuses).toBe("[200,200,200,200,200,503,200]");
    },
  );

  test.if(process.getuid?.() === 0)("without rights answers 403", async () => {
    using site = new SiteFolder({ small: "s", "closed-file": "x", "closed/file": "x" });
    chmodSync(site.outside, 0o755);
    chmodSync(`${site.root}/closed-file`, 0);
    chmodSync(`${site.root}/closed`, 0);
    expect(await run([], "rights", site.root)).toBe("[403,403,403,200]");
  });

  test("without the C library reads and writes what it cannot send", async () => {
    const environment = { MILLRACE_NO_FFI: "1" };
    const server = await ServerProcess.start([folder.root, "--workers", "1"], environment);
    try {
      const response = await fetch(`http://127.0.0.1:${server.port}/large.bin`);
      expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(LARGE));
    } finally {
      server.kill();
    }
  });
});
