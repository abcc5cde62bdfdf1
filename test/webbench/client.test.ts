// What one connection makes of a peer that misbehaves: every request ends in exactly one column.

import { afterEach, describe, expect, test } from "bun:test";
import type { LoadShare } from "../../src/webbench/load-plan.ts";
import {
  COUNT_BEGUN,
  COUNT_CLOSED_IDLE,
  COUNT_ERROR_BASE,
  COUNT_FAILED_STATUS,
  COUNT_RETURNED,
  COUNT_SUCCEEDED,
  COUNT_SURPLUS,
  ERROR_CONNECT,
  ERROR_CONNECT_TIMEOUT,
  ERROR_EARLY_CLOSE,
  ERROR_MALFORMED,
  ERROR_NAMES,
  ERROR_REFUSED,
  ERROR_RESET,
  ERROR_TIMEOUT,
  type Tally,
} from "../../src/webbench/tally.ts";
import { base64, measure, OK, originOf, ScriptedServer, shareFor } from "./load-world.ts";

let server: ScriptedServer;
afterEach(() => server.stop());

/** Only the columns that are not 0. */
function columns(tally: Tally): Record<string, number> {
  const found: Record<string, number> = {};
  if (tally.row[COUNT_SUCCEEDED]! > 0) found["succeeded"] = tally.row[COUNT_SUCCEEDED]!;
  if (tally.row[COUNT_FAILED_STATUS]! > 0) found["status"] = tally.row[COUNT_FAILED_STATUS]!;
  ERROR_NAMES.forEach((name, kind) => {
    if (tally.row[COUNT_ERROR_BASE + kind]! > 0) found[name] = tally.row[COUNT_ERROR_BASE + kind]!;
  });
  expect(tally.outstanding).toBe(0);
  return found;
}

async function against(
  bytes: string,
  changes: Partial<LoadShare> = {},
): Promise<Record<string, number>> {
  server = await ScriptedServer.answering(bytes);
  const { tally } = await measure(shareFor(server.origin, { count: 10, ...changes }));
  return columns(tally);
}

describe("Client counts", () => {
  test("bad statuses as failures, unless they are asked for", async () => {
    const answer = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
    expect(await against(answer)).toEqual({ status: 10 });
    server.stop();
    expect(await against(answer, { success: ["5xx"] })).toEqual({ succeeded: 10 });
  });

  test.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n"],
    ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
    ["a bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"],
  ])("an answer with %s as malformed", async (_, bytes) => {
    expect(await against(bytes)).toEqual({ malformed: 10 });
  });

  test("a reset half way as a reset", async () => {
    server = await ScriptedServer.start((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", () => {
        socket.resetAndDestroy();
      });
    });
    const { tally } = await measure(shareFor(server.origin, { count: 10 }));
    expect(columns(tally)).toEqual({ reset: 10 });
    expect(tally.reasons.get("ECONNRESET")).toBe(10);
  });

  test("an end before or within the answer as an early close", async () => {
    const half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    for (const bytes of ["", "HTTP/1.1 20", half]) {
      server = await ScriptedServer.start((socket) => void socket.end(bytes));
      const { tally } = await measure(shareFor(server.origin, { count: 6 }));
      expect(columns(tally)).toEqual({ "early-close": 6 });
      server.stop();
    }
  });

  test("an answer that only the end of the connection ends as a whole one", async () => {
    server = await ScriptedServer.start((socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\nall"));
    const { tally } = await measure(shareFor(server.origin, { count: 6 }));
    expect(columns(tally)).toEqual({ succeeded: 6 });
    expect(server.connections).toBe(6);
  });

  test("silence as a timeout, and asks on another connection", async () => {
    server = await ScriptedServer.start(() => undefined);
    const changes = { timeoutMs: 40, count: 4, clients: 2 };
    const { tally } = await measure(shareFor(server.origin, changes));
    expect(columns(tally)).toEqual({ timeout: 4 });
    expect(server.connections).toBe(4);
  });

  test("a refusal as one failed request, every time", async () => {
    server = await ScriptedServer.answering(OK);
    server.stop();
    const { tally } = await measure(shareFor(server.origin, { count: 3, clients: 1 }));
    expect(columns(tally)).toEqual({ refused: 3 });
    expect(tally.reasons.get("ECONNREFUSED")).toBe(3);
  });

  test("a Unix socket that is not there as a failure to connect", async () => {
    server = await ScriptedServer.answering(OK);
    const origin = { ...originOf(0), unix: "/tmp/millrace-no-such.sock" };
    const { tally } = await measure(shareFor(origin, { count: 2, clients: 1 }));
    expect(columns(tally)).toEqual({ connect: 2 });
  });

  test("a connection that is never accepted as a connect timeout", async () => {
    // A TLS handshake that nobody answers: the connection is never made.
    server = await ScriptedServer.start(() => undefined);
    const origin = { ...server.origin, tls: { serverName: "x", verify: false } };
    const changes = { count: 2, clients: 1, connectTimeoutMs: 40 };
    const { tally } = await measure(shareFor(origin, changes));
    expect(columns(tally)).toEqual({ "connect-timeout": 2 });
  });

  test("bytes that nobody asked for, and leaves that connection", async () => {
    expect(await against(OK + "surplus", { count: 5, clients: 1 })).toEqual({ succeeded: 5 });
    server.stop();
    server = await ScriptedServer.answering(`${OK}12345`);
    const { tally } = await measure(shareFor(server.origin, { count: 5, clients: 1 }));
    expect(tally.row[COUNT_SURPLUS]! % 5).toBe(0);
    expect(server.connections).toBeGreaterThanOrEqual(4);
  });

  test("what was pipelined behind an announced close as returned, and asks it again", async () => {
    const last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    server = await ScriptedServer.start((socket) => void socket.end(last));
    const share = shareFor(server.origin, { count: 9, clients: 1, pipeline: 4 });
    const { tally } = await measure(share);
    expect(columns(tally)).toEqual({ succeeded: 9 });
    expect(tally.row[COUNT_RETURNED]).toBeGreaterThan(0);
    expect(tally.row[COUNT_BEGUN]).toBe(9 + tally.row[COUNT_RETURNED]!);
    expect(server.connections).toBe(9);
  });

  test("an end between two requests as nothing but that", async () => {
    server = await ScriptedServer.start(
      (socket) => void socket.write(OK),
      (socket) => void setTimeout(() => socket.end(), 30),
    );
    const changes = { count: 0, durationMs: 150, clients: 1, open: { poisson: false, seed: 1 } };
    const slow = { startAt: 1, stages: [{ ms: 150, to: 1 }] };
    const { tally } = await measure(shareFor(server.origin, { ...changes, ...slow }));
    expect(tally.failed).toBe(0);
    expect(tally.row[COUNT_CLOSED_IDLE]).toBeGreaterThan(0);
  });
});

describe("Client reads", () => {
  test("answers in pieces of one byte", async () => {
    server = await ScriptedServer.start((socket) => {
      socket.setNoDelay(true);
      let at = 0;
      const next = (): void => {
        if (at < OK.length) socket.write(OK[at++]!, () => setImmediate(next));
      };
      next();
    });
    const { tally, total, firstByte } = await measure(shareFor(server.origin, { count: 4 }));
    expect(columns(tally)).toEqual({ succeeded: 4 });
    expect(firstByte.percentileMs(50)).toBeLessThan(total.percentileMs(50));
  });

  test("several answers and a half in one piece", async () => {
    let held = "";
    server = await ScriptedServer.start((socket) => {
      held += OK;
      if (held.length > OK.length) return;
      setTimeout(() => {
        const all = held;
        held = "";
        socket.write(all.slice(0, -20), () => setTimeout(() => socket.write(all.slice(-20)), 2));
      }, 2);
    });
    const share = shareFor(server.origin, { count: 12, clients: 1, pipeline: 3 });
    expect(columns((await measure(share)).tally)).toEqual({ succeeded: 12 });
  });

  test("interim answers without counting them", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    const bytes = `${hints}HTTP/1.1 100 Continue\r\n\r\n${OK}`;
    expect(await against(bytes)).toEqual({ succeeded: 10 });
  });

  test("answers to HEAD as answers without a body", async () => {
    const head = { origin: 0, weight: 1, method: 2, bytes: base64("HEAD / HTTP/1.1\r\n\r\n") };
    const bytes = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n";
    expect(await against(bytes, { requests: [head] })).toEqual({ succeeded: 10 });
  });
});

test("Client sends a request that the kernel does not take at once in full", async () => {
  const body = "x".repeat(4 << 20);
  const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}`;
  let received = 0;
  server = await ScriptedServer.start(
    () => undefined,
    (socket) => {
      socket.pause();
      setTimeout(() => socket.resume(), 30); // until then the buffers fill up
      socket.on("data", (chunk) => {
        received += chunk.length;
        if (received === head.length + 4 + body.length) socket.write(OK);
      });
    },
  );
  const bytes = base64(`${head}\r\n\r\n${body}`);
  const requests = [{ origin: 0, weight: 1, method: 3, bytes }];
  const { tally } = await measure(shareFor(server.origin, { requests, count: 1, clients: 1 }));
  expect(columns(tally)).toEqual({ succeeded: 1 });
  expect(received).toBe(head.length + 4 + body.length);
});

test("Client does not wait for an answer when it closes early", async () => {
  server = await ScriptedServer.start(() => undefined);
  const changes = { reply: { kind: "none" }, perRequest: true, count: 12 } as const;
  const { tally } = await measure(shareFor(server.origin, changes));
  expect(columns(tally)).toEqual({ succeeded: 12 });
});

test("every kind of error has a test above", () => {
  const tested = [ERROR_REFUSED, ERROR_CONNECT, ERROR_CONNECT_TIMEOUT, ERROR_RESET, ERROR_TIMEOUT];
  expect([...tested, ERROR_MALFORMED, ERROR_EARLY_CLOSE]).toHaveLength(ERROR_NAMES.length);
});
