import { expect, test } from "bun:test";
import { fixedLength } from "../../src/net/framing/fixed-length.ts";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { line } from "../../src/net/framing/line.ts";
import { raw } from "../../src/net/framing/raw.ts";
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

test("tcp refuses what is no framing and what is no handler, by name", () => {
  for (const framing of [line, "line", {}]) {
    expect(() => tcp({ framing: framing as never })).toThrow("framing must be made by");
  }
  for (const name of ["open", "message", "drain", "close", "error"]) {
    expect(() => tcp({ [name]: "handler" })).toThrow(`${name} must be a function`);
  }
  expect(() => tcp({ framing: line(), heartbeat: null as never })).toThrow("heartbeat must be");
  expect(() => tcp({ framing: line(), heartbeat: true as never })).toThrow("heartbeat must be");
});

test("tcp refuses a heartbeat that the framing cannot carry, the default one too", () => {
  const cells = fixedLength({ frameBytes: 4 });
  const mqtt = lengthField({ bytes: "varint", offset: 1 });
  const inside = lengthField({ bytes: 2, offset: 2 });
  for (const framing of [cells, mqtt, inside, lengthField({ bytes: 1, adjustment: 5 })]) {
    expect(() => tcp({ framing, heartbeat: {} })).toThrow("heartbeat.payload of 0 bytes");
    expect(() => tcp({ framing, heartbeat: { intervalMs: 0 } })).not.toThrow();
  }
  const payload = "a\nb";
  expect(() => tcp({ framing: line(), heartbeat: { payload } })).toThrow("contains the delimiter");
  expect(() => tcp({ framing: line(), heartbeat: { payload: 5 as never } })).toThrow(
    "payload must",
  );
  expect(() => tcp({ framing: raw(), heartbeat: { payload: "" } })).toThrow("no framing");
  expect(() => tcp({ framing: cells, heartbeat: { payload: "ping" } })).not.toThrow();
  const pingreq = Uint8Array.of(0xc0, 0);
  expect(() => tcp({ framing: mqtt, heartbeat: { payload: pingreq } })).not.toThrow();
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
