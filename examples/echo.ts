// A framed echo on every core: frames of up to 1 MiB behind a four-byte length, a heartbeat (an
// empty frame) expected every 30 s and given up after three. Beside it, HTTP on another port.
//
//   bun run start -- ./examples/echo.ts

import { defineService, http, lengthField, tcp } from "millrace";

const ECHO_PORT = Number(process.env["ECHO_PORT"] ?? 9000);

export default defineService({
  listeners: [
    tcp({
      port: ECHO_PORT,
      framing: lengthField({ bytes: 4, maxFrameBytes: 1 << 20 }),
      heartbeat: { intervalMs: 30_000, misses: 3 },
      message: (connection, frame) => connection.send(frame),
    }),
    http({
      port: 8080,
      routes: { "GET /": (_request, response) => response.text(`echo on port ${ECHO_PORT}\n`) },
    }),
  ],
});
