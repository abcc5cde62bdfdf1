// The server of the bench of silent connections: frames, and an idle timeout from the environment.

import { defineService, lengthField, tcp } from "millrace";

export default defineService({
  listeners: [
    tcp({
      framing: lengthField({ bytes: 2, maxFrameBytes: 1024 }),
      heartbeat: { intervalMs: 0, idleTimeoutMs: Number(process.env["BENCH_TIMEOUT_MS"]) },
      message: (connection, frame) => connection.send(frame),
    }),
  ],
});
