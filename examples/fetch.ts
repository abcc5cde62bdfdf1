// The standard form: any module whose default export has a fetch function, on every core. Nothing
// is imported from millrace; Hono and other frameworks export the same thing.
//
//   bun run start -- ./examples/fetch.ts
//   curl http://127.0.0.1:3000/time          curl -d 'some text' http://127.0.0.1:3000/shout

async function shout(request: Request): Promise<Response> {
  return new Response((await request.text()).toUpperCase());
}

export default {
  port: 3000,
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/time") return Response.json({ time: new Date() });
    if (pathname === "/shout" && request.method === "POST") return shout(request);
    return new Response(`There is nothing at ${pathname}\n`, { status: 404 });
  },
};
