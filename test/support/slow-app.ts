// A service for the tests of draining: answers that take as long as they are told to, a loop that
// never turns again, and a clean-up. It says on standard error what it is doing.

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
          await Bun.sleep(Number(argument));
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
