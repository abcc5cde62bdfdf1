// PROXY headers over real sockets, through the command: whom the header names is the peer, in both
// kinds of listeners, and what comes without one is closed and counted.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as pem from "../net/tls-certificates.ts";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const APP = fileURLToPath(new URL("./transport-app.ts", import.meta.url));
const V1 = "PROXY TCP4 203.0.113.9 198.51.100.2 40000 443\r\n";
const V2 = Buffer.from("0d0a0d0a000d0a515549540a2111000ccb007109c63364029c4001bb", "hex");
const GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

const folder = mkdtempSync(join(tmpdir(), "millrace-proxy-"));
let server: ServerProcess;
let stats: string;

beforeAll(async () => {
  const [TEST_CERT, TEST_KEY] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(TEST_CERT, pem.FIRST_CERT);
  writeFileSync(TEST_KEY, pem.FIRST_KEY);
  const args = [APP, "--admin", "127.0.0.1:0", "--head-timeout", "300ms"];
  server = await ServerProcess.start(args, { TEST_CERT, TEST_KEY });
  await server.untilLogged(/counters at/);
  while (server.stdout.length < 4) await Bun.sleep(2);
  stats = /at (http:\S+\/stats)/.exec(server.stderr.join("\n"))![1]!;
});

afterAll(async () => {
  await server.kill();
  rmSync(folder, { recursive: true });
});

async function untilCounted(name: string, count: number): Promise<void> {
  for (;;) {
    const { totals } = (await (await fetch(stats)).json()) as { totals: Record<string, number> };
    if (totals[name]! >= count) return;
    await Bun.sleep(2);
  }
}

/** Sends the pieces, each in a segment of its own, and gives all that comes until the end. */
function exchange(listener: number, pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const port = Number(/:(\d+) /.exec(server.stdout[listener]!)![1]);
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  const socket = connect({ port, host: "127.0.0.1", noDelay: true }, async () => {
    for (const piece of pieces) {
      socket.write(piece);
      await Bun.sleep(1);
    }
  });
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    if (received.includes("40000")) socket.end();
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve(received));
  return promise;
}

test("the proxied address is the peer's, for HTTP and for frames", async () => {
  const pieces = [...V1].concat(GET);
  for (const sent of [
    [`${V1}${GET}`],
    [V1, GET],
    pieces,
    [Buffer.concat([V2, Buffer.from(GET)])],
  ]) {
    expect(await exchange(2, sent)).toEndWith("\r\n\r\n203.0.113.9 40000");
  }
  expect(await exchange(3, [V2])).toEndWith("203.0.113.9 40000");
});

test("a connection without the header, or with another version's, is counted", async () => {
  expect(await exchange(2, [GET])).toBe("");
  expect(await exchange(3, [V1])).toBe("");
  await untilCounted("closed_protocol", 2);
});

test("a header that does not come in time ends its connection", async () => {
  expect(await exchange(2, ["PROXY TCP4 203"])).toBe("");
  await untilCounted("closed_head_timeout", 1);
});
