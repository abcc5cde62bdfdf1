// A folder by Bun.serve and Bun.file, as its guide shows it.
//   bun bun-file.ts PORT FOLDER

import { argv, file, serve } from "bun";

const port = Number(argv[2]);
const folder: string = argv[3] ?? ".";

serve({
  hostname: "127.0.0.1",
  port,
  idleTimeout: 255,
  fetch: (request) => new Response(file(folder + new URL(request.url).pathname)),
});
