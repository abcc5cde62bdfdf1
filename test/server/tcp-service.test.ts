import { expect, test } from "bun:test";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { line } from "../../src/net/framing/line.ts";
import { tcp } from "../../src/server/tcp-service.ts";

test("tcp keeps its options and says what it is", () => {
  const listener = tcp({ port: 0, framing: line() });
  expect(listener.kind).toBe("tcp");
  expect(listener.port).toBe(0);
});

test("tcp refuses frames that no io_buf can hold, with the figure", () => {
  const framing = lengthField({ bytes: 4, maxFrameBytes: 16 << 20 });
  expect(() => tcp({ framing })).toThrow("frames of 16777216 bytes");
});

test("tcp refuses heartbeats that nobody could tell from data", () => {
  expect(() => tcp({ heartbeat: { intervalMs: 1000 } })).toThrow("heartbeats and no framing");
  expect(() => tcp({ heartbeat: { intervalMs: 0, idleTimeoutMs: 1000 } })).not.toThrow();
});

test("tcp refuses heartbeat options that make no sense, by name", () => {
  const framing = line();
  expect(() => tcp({ framing, heartbeat: { intervalMs: -1 } })).toThrow("intervalMs");
  expect(() => tcp({ framing, heartbeat: { misses: 0 } })).toThrow("misses");
  expect(() => tcp({ framing, heartbeat: { idleTimeoutMs: 0.5 } })).toThrow("idleTimeoutMs");
});
