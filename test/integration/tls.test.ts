// TLS as peers see it, through the command: nothing is lost in either direction however slowly
// somebody reads, what speaks no TLS ends alone, and a reload brings a new certificate to new
// connections while the old ones live on.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import * as pem from "../net/tls-certificates.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./transport-app.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
const certFile = join(folder, "cert.pem");
const keyFile = join(folder, "key.pem");
const host = "127.0.0.1";
let server: ServerProcess;
let stats: string;

function install(cert: string, key: string): void {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
}

const portOf = (index: number): number => Number(/:(\d+) /.exec(server.stdout[index]!)![1]);

beforeAll(async () => {
  install(pem.FIRST_CERT, pem.FIRST_KEY);
  const environment = { TEST_CERT: certFile, TEST_KEY: keyFile, TEST_CA: pem.CLIENT_CA };
  server = await ServerProcess.start([APP, "--admin", "127.0.0.1:0"], environment);
  await server.untilLogged(/counters at/);
  await until(() => server.stdout.length === 5);
  stats = /at (http:\S+\/stats)/.exec(server.stderr.join("\n"))![1]!;
});

afterAll(async () => {
  await server.kill();
  rmSync(folder, { recursive: true });
});

async function counter(name: string): Promise<number> {
  const { totals } = (await (await fetch(stats)).json()) as { totals: Record<string, number> };
  return totals[name]!;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await Bun.sleep(2);
}

/** A client that trusts exactly one of the certificates. */
function open(port: number, ca: string = pem.FIRST_CERT): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({ host, port, ca, servername: "localhost" }, () => resolve(socket));
  socket.on("error", reject);
  return promise;
}

/** A plain connection that sends bytes and waits for its end. */
function sendPlain(port: number, bytes: Uint8Array, reset = false): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connectTcp(port, host, () => {
    socket.write(bytes);
    if (reset) setImmediate(() => socket.resetAndDestroy());
  });
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.on("close", () => resolve());
  return promise;
}

/** What a client of today says first. */
function captureHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const listener = Bun.listen({
    hostname: host,
    port: 0,
    socket: {
      data(socket, chunk) {
        resolve(Buffer.from(chunk));
        socket.terminate();
        listener.stop(true);
      },
    },
  });
  connect({ host, port: listener.port, rejectUnauthorized: false }).on("error", () => {});
  return promise;
}

/** Sends bytes on a plain connection and leaves it, with FIN or RST, when they are sent. */
function sendAndLeave(bytes: Uint8Array, reset: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connectTcp(portOf(1), host, () => {
    socket.write(bytes, () => (reset ? socket.resetAndDestroy() : socket.end()));
  });
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  return promise;
}

function frameOf(payload: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(payload.length);
  return Buffer.concat([head, payload]);
}

describe("TLS", () => {
  test("is told by the ready line, and by the URL that a fetch handler sees", async () => {
    expect(server.stdout[0]).toMatch(/ on https:\/\/127\.0\.0\.1:\d+ \(2 workers\)$/);
    expect(server.stdout[1]).toMatch(/ on tls:\/\/127\.0\.0\.1:\d+ /);
    const url = `https://localhost:${portOf(0)}/a?b=c`;
    for (let request = 0; request < 3; request++) {
      const answer = await fetch(url, { tls: { ca: pem.FIRST_CERT } });
      expect(await answer.text()).toBe(`${url} 127.0.0.1`);
    }
  });

  test("loses no byte of 10 MB in each direction to a slow reader", async () => {
    const socket = await open(portOf(1));
    const payload = Buffer.alloc(100_000);
    for (let at = 0; at < payload.length; at++) payload[at] = (at * 31 + (at >> 8)) & 255;
    const frame = frameOf(payload);
    const count = 100;
    const pausesBefore = await counter("read_pauses");
    const sent = new Bun.CryptoHasher("sha1");
    const received = new Bun.CryptoHasher("sha1");
    let bytes = 0;
    const ended = Promise.withResolvers<void>();
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      received.update(chunk);
      if (bytes % 7 > 0) return;
      socket.pause();
      setImmediate(() => socket.resume());
    });
    socket.on("end", () => ended.resolve());
    for (let index = 0; index < count; index++) {
      frame[4] = index;
      sent.update(frame);
      socket.write(Buffer.from(frame));
    }
    socket.end(); // half-closes: what was sent is still answered
    socket.pause();
    await until(async () => (await counter("read_pauses")) > pausesBefore); // all is full
    socket.resume();
    await ended.promise;
    expect(bytes).toBe(count * frame.length);
    expect(received.digest("hex")).toBe(sent.digest("hex"));
  });

  test("ends what speaks something else, counted, and serves the others", async () => {
    const before = await counter("closed_tls");
    const socket = await open(portOf(1));
    const hostile: readonly (readonly [Uint8Array, boolean])[] = [
      [Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), false],
      [Buffer.alloc(100_000, 0x55), false],
      [Buffer.from("16030100050100000100", "hex"), false],
      [Buffer.from("1503010002022a", "hex"), false],
    ];
    for (const [bytes] of hostile) await sendPlain(portOf(1), bytes);
    await until(async () => (await counter("closed_tls")) >= before + hostile.length);
    await sendPlain(portOf(1), Buffer.from("1603010200", "hex"), true); // and resets
    await until(async () => (await counter("open")) <= 2);
    expect(await echoed(socket, "still here")).toBe("still here");
    socket.destroy();
  });

  test("survives handshakes that are mutated, cut, followed by noise, reset", async () => {
    const seed = seedOfRun();
    const random = new Random(seed);
    const hello = await captureHello();
    const attempts = 400;
    const before = await counter("accepted");
    const attack = async (): Promise<void> => {
      for (let attempt = 0; attempt < attempts / 8; attempt++) {
        const bytes = Buffer.from(hello);
        for (let flips = random.below(5); flips > 0; flips--) {
          bytes[random.below(bytes.length)] = random.below(256);
        }
        const cut = random.oneIn(3) ? random.below(bytes.length) : bytes.length;
        const noise = random.bytes(random.oneIn(4) ? random.below(2_000) : 0);
        await sendAndLeave(Buffer.concat([bytes.subarray(0, cut), noise]), random.oneIn(2));
      }
    };
    await Promise.all(Array.from({ length: 8 }, attack));
    await until(async () => (await counter("accepted")) >= before + attempts);
    await until(async () => (await counter("open")) <= 2); // those of this test's own fetches
    const socket = await open(portOf(1));
    expect([seed, await echoed(socket, "whole")]).toEqual([seed, "whole"]);
    expect([seed, server.logged(/died|uncaught/)]).toEqual([seed, 0]);
    socket.destroy();
  });

  test("serves only clients whose certificate the CA has signed, where there is one", async () => {
    const url = `https://localhost:${portOf(4)}/`;
    const ask = async (own: { cert?: string; key?: string }): Promise<string> => {
      try {
        return await (await fetch(url, { tls: { ca: pem.FIRST_CERT, ...own } })).text();
      } catch {
        return "refused";
      }
    };
    const before = await counter("closed_tls");
    expect(await ask({})).toBe("refused");
    expect(await ask({ cert: pem.SECOND_CERT, key: pem.SECOND_KEY })).toBe("refused");
    expect(await ask({ cert: pem.CLIENT_CERT, key: pem.CLIENT_KEY })).toBe("trusted");
    await until(async () => (await counter("closed_tls")) >= before + 2);
  });

  test("ends a connection whose records break after the handshake, and only that", async () => {
    const before = await counter("closed_tls");
    const other = await open(portOf(1));
    for (const bytes of ["garbage that is no record", "\x17\x03\x03\x00\x20" + "x".repeat(32)]) {
      const plain = connectTcp(portOf(1), host);
      const ready = Promise.withResolvers<void>();
      const ended = Promise.withResolvers<void>();
      const tls = connect({ socket: plain, rejectUnauthorized: false }, () => ready.resolve());
      tls.on("error", () => {});
      tls.on("close", () => ended.resolve());
      await ready.promise;
      plain.write(bytes, "latin1");
      await ended.promise;
    }
    await until(async () => (await counter("closed_tls")) === before + 2);
    expect(await echoed(other, "alive")).toBe("alive");
    expect(server.logged(/died|uncaught/)).toBe(0);
    other.destroy();
  });
});

describe("SIGHUP", () => {
  test("brings a new certificate; old connections live on", async () => {
    const old = await open(portOf(1));
    expect(old.getPeerCertificate().subject.CN).toBe("first");
    expect(await echoed(old, "before")).toBe("before");
    install(pem.SECOND_CERT, pem.SECOND_KEY);
    server.signal("SIGHUP");
    // One that is silent for a second would be closed, and a reload may take as long.
    while (server.logged(/reload: done/) === 0) {
      expect(await echoed(old, "meanwhile")).toBe("meanwhile");
      await Bun.sleep(20);
    }
    for (let tries = 0; tries < 4; tries++) {
      const fresh = await open(portOf(1), pem.SECOND_CERT);
      expect(fresh.getPeerCertificate().subject.CN).toBe("second");
      fresh.destroy();
    }
    for (let round = 0; round < 20; round++) {
      expect(await echoed(old, `after ${round}`)).toBe(`after ${round}`);
    }
    old.destroy();
  });

  test("with a certificate that cannot be used ends the reload, not the server", async () => {
    install(pem.FIRST_CERT, pem.SECOND_KEY);
    server.signal("SIGHUP");
    await server.untilLogged(/Reload ended at worker 0.*does not fit the certificate/);
    const socket = await open(portOf(1), pem.SECOND_CERT);
    expect(await echoed(socket, "as before")).toBe("as before");
    socket.destroy();
  });
});

describe("millrace start --cert --key", () => {
  test("makes the welcome site speak TLS", async () => {
    install(pem.FIRST_CERT, pem.FIRST_KEY);
    const site = await ServerProcess.start(["--cert", certFile, "--key", keyFile]);
    try {
      expect(site.url).toStartWith("https://127.0.0.1:");
      const answer = await fetch(`https://localhost:${site.port}/hello`, {
        tls: { ca: pem.FIRST_CERT },
      });
      expect(await answer.text()).toBe("Hello, World!");
    } finally {
      await site.kill();
    }
  });

  test("is refused in one line that names the option or the file", async () => {
    const missing = join(folder, "missing.pem");
    const runs = await Promise.all(
      [
        ["--cert", certFile],
        ["--key", keyFile],
        ["--cert", missing, "--key", keyFile],
      ].map((args) => ServerProcess.run(["--port", "0", ...args])),
    );
    expect(runs.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual([
      "2 millrace: --cert: needs --key, the file of its private key",
      "2 millrace: --key: needs --cert, the file of its certificate",
      `1 millrace: Cannot use the certificate "${missing}": no such file`,
    ]);
  });
});

/** Sends one frame and gives the next one that comes. */
function echoed(socket: TLSSocket, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let received = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 4 || received.length < 4 + received.readUInt32BE(0)) return;
    socket.off("data", onData).off("close", onClose);
    resolve(received.toString("utf8", 4));
  };
  socket.on("data", onData);
  const onClose = () => reject(new Error("closed before the echo"));
  socket.on("close", onClose);
  socket.write(frameOf(Buffer.from(text)));
  return promise;
}
