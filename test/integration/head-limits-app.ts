// Two listeners with limits of their own, in both forms: small ones first, the default behind. Each
// says how much of the head reached it.

import { defineService, http } from "../../src/index.ts";

const fetch = (request: Request): Response => {
  const fields = [...request.headers].length;
  return new Response(`${new URL(request.url).pathname.length} ${fields}`);
};

/** Looks at the fields when the request has long been answered. */
const late = async (request: Request): Promise<Response> => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  setImmediate(() => resolve(new Response("")));
  const response = await promise;
  setTimeout(() => console.error(`late ${[...request.headers].length}`), 1);
  return response;
};

export default defineService({
  listeners: [
    http({
      port: 0,
      targetBytesMax: 100,
      headBytesMax: 1024,
      headersMax: 5,
      headerBytesMax: 200,
      trailerBytesMax: 50,
      bodyBytesMax: 1000,
      headTimeoutMs: 300,
      routes: { "POST /echo": async (from, response) => response.send(await from.bytes()) },
      fetch,
    }),
    http({
      port: 0,
      headBytesMax: 1 << 20,
      headersMax: 10_000,
      headerBytesMax: 1 << 20,
      targetBytesMax: 1 << 20,
      fetch: (request) => (request.url.includes("/late") ? late(request) : fetch(request)),
    }),
    http({ port: 0, static: import.meta.dir }),
  ],
});
