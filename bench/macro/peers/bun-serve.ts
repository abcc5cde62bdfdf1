// Bun.serve with a `fetch` app, or with static routes.
//   bun bun-serve.ts PORT fetch MODULE | bun bun-serve.ts PORT routes FOLDER

import { argv, file, serve } from "bun";

interface App {
  default: { fetch(request: Request): Response | Promise<Response> };
}

const IDLE_TIMEOUT_S = 255; // its longest: idle connections must live through their bench

async function main(port: number, form: string, path: string): Promise<void> {
  const where = { hostname: "127.0.0.1", port, idleTimeout: IDLE_TIMEOUT_S };
  if (form === "routes") {
    serve({
      ...where,
      routes: {
        "/hello": new Response("Hello, World!"),
        "/1k.bin": new Response(file(`${path}/1k.bin`)),
        "/100k.bin": new Response(file(`${path}/100k.bin`)),
      },
    });
  } else {
    const app = (await import(path)) as App;
    serve({ ...where, fetch: app.default.fetch });
  }
}

await main(Number(argv[2]), argv[3] ?? "fetch", argv[4] ?? "");
