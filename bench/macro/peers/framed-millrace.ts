// The framed echo as a millrace service: started with --port.

import { defineService, lengthField, tcp } from "../../../src/index.ts";

export default defineService({
  listeners: [
    tcp({
      framing: lengthField({ bytes: 4, maxFrameBytes: 1 << 20 }),
      heartbeat: { intervalMs: 30_000, misses: 3 },
      message: (connection, frame) => connection.send(frame),
    }),
  ],
});
