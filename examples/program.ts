// A server within a program of your own: started on two workers, asked, reloaded, asked again while
// its counters are looked at, and stopped.
//
//   bun examples/program.ts

import { serve } from "millrace";

await using server = await serve({
  service: new URL("./hello.ts", import.meta.url),
  port: 0, // any free one; the service's own is overridden
  workers: 2,
  logLevel: "warn",
});
console.log(`listening on ${server.url}`);

const ask = async (): Promise<string> => (await fetch(`${server.url}/hello/program`)).text();
console.log((await ask()).trim());

await server.reload(); // new workers with new code; no connection is lost
console.log((await ask()).trim());

const { totals } = server.stats();
console.log(`${totals["requests"]} requests answered`);
