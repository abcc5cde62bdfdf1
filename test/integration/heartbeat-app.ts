// A service for the tests of silence: an idle timeout as the reference text has it, heartbeats in
// both directions, and a frame that blocks the loop for a while.

import { defineService, lengthField, tcp } from "millrace";

const timeoutMs = Number(process.env["TEST_TIMEOUT_MS"] ?? 2_000);
const framing = lengthField({ bytes: 2, maxFrameBytes: 1024 });

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export default defineService({
  listeners: [
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: 0, idleTimeoutMs: timeoutMs },
      message: (connection, frame) => connection.send(frame),
    }),
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: timeoutMs / 4, misses: 4 },
      message: (connection, frame) => connection.send(frame),
    }),
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: timeoutMs / 4, misses: 4, speaksFirst: "us" },
    }),
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: 0, idleTimeoutMs: 60_000 },
      message(connection, frame) {
        connection.send(frame);
        block(frame.readUInt16BE(0));
      },
    }),
    tcp({
      port: 0,
      framing,
      heartbeat: { intervalMs: 0, idleTimeoutMs: timeoutMs / 5 },
      message: (connection, frame) => connection.send(frame),
    }),
  ],
});
