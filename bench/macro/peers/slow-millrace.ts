// The server of the slowloris bench: a short answer, a long one, and an echo of the body.

import { defineService, http } from "millrace";

const LARGE: Uint8Array = new Uint8Array(1 << 20).fill(0x2e);

export default defineService({
  listeners: [
    http({
      routes: {
        "GET /hello": (_request, response) => response.text("Hello, World!"),
        "GET /large": (_request, response) => response.send(LARGE),
        "POST /echo": async (request, response) => response.text(await request.text()),
      },
    }),
  ],
});
