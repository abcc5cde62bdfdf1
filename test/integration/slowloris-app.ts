// A small HTTP app for slow peers: a short answer, a long one, and an echo of the body.

import { defineService, http } from "millrace";

const LARGE: Uint8Array = new Uint8Array(4 << 20).fill(0x2e);

export default defineService({
  listeners: [
    http({
      port: 0,
      routes: {
        "GET /": (_request, response) => response.text("honest"),
        "GET /large": (_request, response) => response.send(LARGE),
        "POST /body": async (request, response) => response.text(await request.text()),
      },
    }),
  ],
});
