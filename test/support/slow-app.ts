// A service for the tests of draining: answers that wait until a file is there, a loop that never
// turns again, and a clean-up. It says on standard error what it is doing.

import { existsSync } from "node:fs";
import { defineService, http, type Service } from "../../src/server/service.ts";

const service: Service = defineService({
  setup: () => () => console.error("cleaned up"),
  listeners: [
    http({
      port: 0,
      async fetch(request) {
        const [, what, argument] = new URL(request.url).pathname.split("/");
        if (what === "hold") {
          console.error("holding");
          while (!existsSync(decodeURIComponent(argument!))) await Bun.sleep(2);
        }
        if (what === "spin") {
          console.error("spinning");
          for (;;) Bun.sleepSync(10);
        }
        if (what === "pid") return Response.json({ pid: process.pid });
        return new Response("answer");
      },
    }),
  ],
});

export default service;
