// What a Hono application is, for Bun.serve: a router and a context in front of the same two
// answers.

import { Hono } from "hono";

const app: Hono = new Hono();
app.get("/hello", (context) => context.text("Hello, World!"));
app.post("/echo", async (context) => context.body(await context.req.arrayBuffer()));

export default { fetch: (request: Request) => app.fetch(request) };
