// A framed echo on every core: frames of up to 1 MiB behind a four-byte length, a heartbeat (an
// empty frame) expected every 30 s and given up after three. Beside it, HTTP on another port.
//
//   bun run start -- ./examples/echo.ts

import { defineService, http, lengthField, tcp } from "millrace";

export default defineService({
  listeners: [
    tcp({
      port: 9000,
      framing: lengthField({ bytes: 4, maxFrameBytes: 1 << 20 }),
      heartbeat: { intervalMs: 30_000, misses: 3 },
      message: (connection, frame) => connection.send(frame),
    }),
    http({
      port: 8080,
      routes: { "GET /": (_request, response) => response.text("echo: 9000\n") },
    }),
  ],
});
