import { afterEach, describe, expect, test } from "bun:test";
import {
  PHASE_GRACE,
  PHASE_MEASURING,
  PHASE_OVER,
  PHASE_WARM_UP,
} from "../../src/webbench/generator.ts";
import {
  COUNT_BEGUN,
  COUNT_CUT_OFF,
  COUNT_SENT,
  COUNT_SUCCEEDED,
  COUNT_UNSENT,
} from "../../src/webbench/tally.ts";
import { base64, measure, OK, originOf, ScriptedServer, shareFor } from "./load-world.ts";

let server: ScriptedServer;
afterEach(() => server.stop());

describe("Generator, closed loop", () => {
  test("sends exactly as many requests as it is told", async () => {
    server = await ScriptedServer.answering(OK);
    const { tally, total, phases } = await measure(shareFor(server.origin, { count: 101 }));
    expect(tally.row[COUNT_SUCCEEDED]).toBe(101);
    expect(server.requests).toBe(101);
    expect(server.connections).toBe(2);
    expect(total.count).toBe(101);
    expect(tally.outstanding).toBe(0);
    expect(phases).toEqual([PHASE_MEASURING, PHASE_GRACE, PHASE_OVER]);
  });

  test("pipelines, and never has more under way than it may", async () => {
    let most = 0;
    server = await ScriptedServer.start(() => undefined);
    server.stop();
    const waiting: (() => void)[] = [];
    server = await ScriptedServer.start((socket) => {
      waiting.push(() => void socket.write(OK));
      most = Math.max(most, waiting.length);
      setImmediate(() => waiting.shift()?.());
    });
    const share = shareFor(server.origin, { clients: 1, pipeline: 8, count: 200 });
    const { tally } = await measure(share);
    expect(tally.row[COUNT_SUCCEEDED]).toBe(200);
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(1);
    expect(server.connections).toBe(1);
  });

  test("makes a connection for every request", async () => {
    const closing = "HTTP/1.0 200 OK\r\n\r\nuntil the end";
    server = await ScriptedServer.start((socket) => void socket.end(closing));
    const { tally, connect } = await measure(shareFor(server.origin, { perRequest: true }));
    expect(tally.row[COUNT_SUCCEEDED]).toBe(20);
    expect(server.connections).toBe(20);
    expect(connect.count).toBe(20);
  });

  test("closes by itself when a server would keep the connection of a single request", async () => {
    server = await ScriptedServer.answering(OK);
    const { tally } = await measure(shareFor(server.origin, { perRequest: true }));
    expect([tally.row[COUNT_SUCCEEDED]!, server.connections]).toEqual([20, 20]);
  });

  test("divides requests by their weights", async () => {
    const seen = { a: 0, b: 0 };
    server = await ScriptedServer.start(
      (socket) => void socket.write(OK),
      (socket) => {
        socket.on("data", (chunk) => {
          for (const match of chunk.toString().matchAll(/GET \/(a|b)/g)) seen[match[1] as "a"]++;
        });
      },
    );
    const requests = [3, 1].map((weight, index) => ({
      origin: 0,
      weight,
      method: 1,
      bytes: base64(`GET /${"ab"[index]} HTTP/1.1\r\nHost: x\r\n\r\n`),
    }));
    await measure(shareFor(server.origin, { requests, count: 40, pipeline: 3 }));
    expect(seen).toEqual({ a: 30, b: 10 });
  });

  test("divides clients over several origins", async () => {
    server = await ScriptedServer.answering(OK);
    const other = await ScriptedServer.answering(OK);
    const requests = [0, 1].map((origin) => ({
      ...shareFor(server.origin).requests[0]!,
      origin,
    }));
    const origins = [server.origin, other.origin];
    const { tally } = await measure(shareFor(server.origin, { origins, requests, clients: 4 }));
    other.stop();
    expect([server.connections, other.connections]).toEqual([2, 2]);
    expect(tally.row[COUNT_SUCCEEDED]).toBe(20);
  });

  test("ramps clients up and down again", async () => {
    server = await ScriptedServer.answering(OK);
    const stages = [
      { ms: 100, to: 8 },
      { ms: 400, to: 8 },
      { ms: 100, to: 1 },
      { ms: 60_000, to: 1 },
    ];
    const levels: number[] = [];
    const share = { clients: 8, count: 0, durationMs: 60_600, startAt: 0, stages };
    await measure(shareFor(server.origin, share), (generator) => {
      const timer = setInterval(() => {
        levels.push(generator.openConnections);
        if (Math.max(...levels) < 8 || levels.at(-1)! > 1) return;
        clearInterval(timer);
        generator.stop();
      }, 5);
    });
    expect(server.connections).toBe(8);
  });

  test("opens no more connections a second than it may", async () => {
    server = await ScriptedServer.answering(OK);
    const changes = { clients: 50, count: 0, durationMs: 400, connectionsPerSecond: 50 };
    await measure(shareFor(server.origin, changes));
    expect(server.connections).toBeGreaterThan(3);
    expect(server.connections).toBeLessThanOrEqual(27); // 0.4 s x 50, and 0.1 s made up for
  });

  test("leaves the warm-up out of the count", async () => {
    server = await ScriptedServer.answering(OK);
    const share = shareFor(server.origin, { warmUpMs: 60, count: 10 });
    const { phases, tally } = await measure(share);
    expect(phases).toEqual([PHASE_WARM_UP, PHASE_MEASURING, PHASE_GRACE, PHASE_OVER]);
    expect(tally.row[COUNT_BEGUN]).toBeGreaterThan(10);
    expect(tally.outstanding).toBe(0);
  });
});

describe("Generator, the end of a run", () => {
  test("counts what it cuts off apart", async () => {
    server = await ScriptedServer.start(() => undefined); // never answers
    const { tally } = await measure(shareFor(server.origin, { durationMs: 60, clients: 3 }));
    expect(tally.row[COUNT_CUT_OFF]).toBe(3);
    expect([tally.row[COUNT_SUCCEEDED]!, tally.failed, tally.outstanding]).toEqual([0, 0, 0]);
  });

  test("awaits answers for the grace that it is given, and begins nothing in it", async () => {
    server = await ScriptedServer.start((socket) => {
      setTimeout(() => void socket.write(OK), 80);
    });
    const changes = { durationMs: 30, graceMs: 2_000, count: 0, clients: 4 };
    const { tally, elapsedMs } = await measure(shareFor(server.origin, changes));
    expect(tally.row[COUNT_SUCCEEDED]).toBe(4);
    expect(tally.row[COUNT_CUT_OFF]).toBe(0);
    expect(server.requests).toBe(4);
    expect(elapsedMs).toBeLessThan(1_500); // it ends when the answers are here
  });

  test("stops at once when it is told to", async () => {
    server = await ScriptedServer.answering(OK);
    const share = shareFor(server.origin, { count: 0, durationMs: 60_000 });
    const { tally, elapsedMs } = await measure(share, (generator) => {
      setTimeout(() => generator.stop(), 50);
    });
    expect(elapsedMs).toBeLessThan(5_000);
    expect(tally.row[COUNT_SUCCEEDED]).toBeGreaterThan(0);
    expect(tally.outstanding).toBe(0);
  });
});

describe("Generator, open loop", () => {
  test("sends on schedule and agrees with the server to the unit", async () => {
    server = await ScriptedServer.answering(OK);
    const changes = {
      open: { poisson: false, seed: 1 },
      ...{ startAt: 500, stages: [{ ms: 300, to: 500 }], durationMs: 300 },
      ...{ count: 0, graceMs: 1_000, clients: 16 },
    };
    const { tally } = await measure(shareFor(server.origin, changes));
    const { row } = tally;
    expect(row[COUNT_SUCCEEDED]! + row[COUNT_UNSENT]!).toBe(150);
    expect(row[COUNT_SENT]).toBe(server.requests);
  });

  test("counts latency from the planned time, whatever a stall delays", async () => {
    let stalled: (() => void)[] | null = null;
    server = await ScriptedServer.start((socket) => {
      const answer = (): void => void socket.write(OK);
      if (stalled === null) answer();
      else stalled.push(answer);
    });
    const stall = setTimeout(() => (stalled = []), 100);
    const go = setTimeout(() => {
      for (const answer of stalled!.splice(0)) answer();
      stalled = null;
    }, 400);
    const changes = {
      open: { poisson: false, seed: 1 },
      ...{ startAt: 400, stages: [{ ms: 600, to: 400 }], durationMs: 600 },
      ...{ count: 0, graceMs: 1_000, clients: 4 },
    };
    const { tally, total, service } = await measure(shareFor(server.origin, changes));
    clearTimeout(stall);
    clearTimeout(go);
    expect(total.count + tally.row[COUNT_UNSENT]!).toBe(240);
    // 120 of 240 were planned within the stall of 300 ms: half of them waited 150 ms or more.
    expect(total.percentileMs(80)).toBeGreaterThan(120);
    expect(total.percentileMs(99)).toBeGreaterThan(200);
    // Only the four that were under way saw it from the moment of sending.
    expect(service!.percentileMs(50)).toBeLessThan(total.percentileMs(80) / 2);
  });

  test("tells how many were due and never sent", async () => {
    server = await ScriptedServer.start(() => undefined); // never answers
    const changes = {
      open: { poisson: false, seed: 1 },
      ...{ startAt: 100, stages: [{ ms: 200, to: 100 }], durationMs: 200 },
      ...{ count: 0, clients: 3 },
    };
    const { tally } = await measure(shareFor(server.origin, changes));
    expect(tally.row[COUNT_CUT_OFF]).toBe(3);
    expect(tally.row[COUNT_UNSENT]).toBe(17);
  });

  test("connects for each request when it is told to", async () => {
    server = await ScriptedServer.start((socket) => void socket.end("HTTP/1.0 200 OK\r\n\r\nend"));
    const changes = {
      open: { poisson: true, seed: 7 },
      ...{ startAt: 300, stages: [{ ms: 200, to: 300 }], durationMs: 200 },
      ...{ count: 0, clients: 20, perRequest: true, graceMs: 1_000 },
    };
    const { tally } = await measure(shareFor(server.origin, changes));
    expect(tally.row[COUNT_SUCCEEDED]).toBe(server.connections);
    expect(server.connections).toBeGreaterThan(20);
  });
});

test("Generator survives that nobody is there", async () => {
  server = await ScriptedServer.answering(OK);
  server.stop();
  const share = shareFor(originOf(server.port), { count: 0, durationMs: 100 });
  const { tally } = await measure(share);
  expect(tally.failed).toBeGreaterThan(1);
  expect(tally.failed).toBeLessThan(40); // it does not spin
});
