import { expect, test } from "bun:test";
import { createLog, silentLog } from "../../src/core/log.ts";
import { line } from "../../src/net/framing/line.ts";
import { TcpApplication } from "../../src/server/tcp-application.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("TcpApplication knows a heartbeat by its whole payload", () => {
  const heartbeat = { payload: "ping" };
  const application = new TcpApplication({ framing: line(), heartbeat }, silentLog);
  expect(application.isBeat(bytes("xpingx"), 1, 5)).toBe(true);
  expect(application.isBeat(bytes("pinG"), 0, 4)).toBe(false);
  expect(application.isBeat(bytes("pings"), 0, 5)).toBe(false);
  expect(application.isBeat(bytes(""), 0, 0)).toBe(false);
});

test("TcpApplication takes an empty frame for one by default, and only with heartbeats", () => {
  const empty = bytes("");
  const framing = line();
  expect(new TcpApplication({ framing, heartbeat: {} }, silentLog).isBeat(empty, 0, 0)).toBe(true);
  expect(new TcpApplication({ framing }, silentLog).isBeat(empty, 0, 0)).toBe(false);
  const idleOnly = { intervalMs: 0, idleTimeoutMs: 1000 };
  const application = new TcpApplication({ framing, heartbeat: idleOnly }, silentLog);
  expect(application.isBeat(empty, 0, 0)).toBe(false);
});

test("TcpApplication logs what a handler threw, one line a frame", () => {
  const lines: string[] = [];
  const log = createLog({ write: (text) => lines.push(text) });
  new TcpApplication({}, log).handlerError(new Error("broken\nin two"));
  expect(lines[0]).toContain("a handler failed: broken\\x0ain two");
  expect(lines.slice(1).every((text) => text.includes("at "))).toBe(true);
});
