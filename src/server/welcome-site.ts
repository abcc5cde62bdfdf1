// What `bun run start` serves when it is told nothing: a page, a line of text, an echo and a health
// check. Small enough to read as a first example of the fast form.

import { defineService, http, type Service } from "./service.ts";
import { WELCOME_PAGE } from "./welcome-page.ts";

export function welcomeService(): Service {
  return defineService({
    listeners: [
      http({
        routes: {
          "GET /": (_request, response) => response.html(WELCOME_PAGE),
          "GET /hello": (_request, response) => response.text("Hello, World!"),
          "GET /healthz": (_request, response) => response.text("ok\n"),
          "POST /echo": async (request, response) => {
            const type = request.header("content-type");
            if (type !== null) response.header("Content-Type", type);
            response.send(await request.bytes());
          },
        },
      }),
    ],
  });
}
