// Apps of the ecosystem, unchanged: what they export by default is served as it is.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { installServerRequest } from "../../src/server/server-request.ts";
import { installServerResponse } from "../../src/server/server-response.ts";
import { LiveServer } from "../server/live-server.ts";

const platform = { Response, Request, fetch };

beforeAll(() => {
  installServerRequest();
  installServerResponse();
});

afterAll(() => void Object.assign(globalThis, platform));

interface HonoContext {
  readonly req: {
    readonly raw: Request;
    param(name: string): string;
    query(name: string): string | undefined;
    header(name: string): string | undefined;
    json(): Promise<unknown>;
    parseBody(): Promise<Record<string, unknown>>;
  };
  text(body: string, status?: number, headers?: Record<string, string>): Response;
  json(body: unknown): Response;
  html(body: string): Response;
  redirect(location: string): Response;
  header(name: string, value: string, options?: { append?: boolean }): void;
  notFound(): Response;
}

interface HonoApp {
  get(path: string, handler: (context: HonoContext) => unknown): void;
  post(path: string, handler: (context: HonoContext) => unknown): void;
  use(path: string, handler: (context: HonoContext, next: () => Promise<void>) => unknown): void;
  fetch: (request: Request) => Response | Promise<Response>;
}

/** The package, or null when it is not installed; the type checker does not look for it. */
async function optional(name: string): Promise<Record<string, unknown> | null> {
  try {
    return (await import(name)) as Record<string, unknown>;
  } catch {
    console.warn(`SKIPPED: the package ${name} is not installed (a dev dependency)`);
    return null;
  }
}

function routesOf(app: HonoApp): HonoApp {
  app.use("*", async (context, next) => {
    await next();
    context.header("X-Middleware", "ran");
  });
  app.get("/", (context) => context.text("Hello Hono!"));
  app.get("/users/:id", (context) => context.json({ id: context.req.param("id") }));
  app.get("/query", (context) => context.text(`${context.req.query("q")}`));
  app.get("/agent", (context) => context.text(`${context.req.header("x-agent")}`));
  app.get("/cookies", (context) => {
    context.header("Set-Cookie", "a=1", { append: true });
    context.header("Set-Cookie", "b=2", { append: true });
    return context.html("<p>two</p>");
  });
  app.get("/away", (context) => context.redirect("/"));
  app.post("/json", async (context) => context.json(await context.req.json()));
  app.post("/form", async (context) => context.json(await context.req.parseBody()));
  app.get("/error", () => {
    throw new Error("secret");
  });
  app.get("/stream", () => new Response(new Blob(["streamed"]).stream()));
  return app;
}

test("Hono runs unchanged", async () => {
  const hono = await optional("hono");
  if (hono === null) return;
  const live = await LiveServer.start(routesOf(new (hono["Hono"] as new () => HonoApp)()));
  try {
    const text = async (path: string, init?: RequestInit): Promise<string> =>
      (await live.fetch(path, init)).text();
    expect(await text("/")).toBe("Hello Hono!");
    expect(await text("/users/7%2F8")).toBe('{"id":"7/8"}');
    expect(await text("/query?q=a%20b")).toBe("a b");
    expect(await text("/agent", { headers: { "X-Agent": "bun" } })).toBe("bun");
    const cookies = await live.fetch("/cookies");
    expect(cookies.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(cookies.headers.get("x-middleware")).toBe("ran");
    expect((await live.fetch("/away", { redirect: "manual" })).status).toBe(302);
    const body = JSON.stringify({ long: "x".repeat(100_000) });
    expect(await text("/json", { method: "POST", body })).toBe(body);
    const form = new FormData();
    form.append("name", "value");
    expect(await text("/form", { method: "POST", body: form })).toBe('{"name":"value"}');
    const failed = await live.fetch("/error");
    expect([failed.status, await failed.text()]).toEqual([500, "Internal Server Error"]);
    expect(await text("/stream")).toBe("streamed");
    expect((await live.fetch("/nothing")).status).toBe(404);
    const head = await live.fetch("/", { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, null]);
  } finally {
    await live.stop();
  }
});

interface IttyRequest {
  readonly params: Record<string, string>;
  readonly headers: Headers;
}

interface IttyRouter {
  get(path: string, handler: (request: IttyRequest) => unknown): IttyRouter;
  all(path: string, handler: () => unknown): IttyRouter;
  fetch: (request: Request) => Promise<Response>;
}

test("itty-router runs unchanged", async () => {
  const itty = await optional("itty-router");
  if (itty === null) return;
  const router = (itty["AutoRouter"] as () => IttyRouter)();
  router.get("/hello/:name", ({ params }) => ({ hello: params["name"] }));
  router.get("/host/:name", ({ headers }) => ({ host: headers.get("host") }));
  const live = await LiveServer.start({ fetch: router.fetch });
  try {
    expect(await (await live.fetch("/hello/you")).text()).toBe('{"hello":"you"}');
    // It spreads the request, fields filled in or not.
    expect(await (await live.fetch("/host/you")).text()).toBe('{"host":"a"}');
    expect((await live.fetch("/none")).status).toBe(404);
  } finally {
    await live.stop();
  }
});
