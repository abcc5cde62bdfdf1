import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { MillraceError } from "../../src/core/errors.ts";
import { silentLog } from "../../src/core/log.ts";
import {
  MillraceServer,
  serve,
  type ServeOptions,
  type ServerHandle,
} from "../../src/master/serve.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

let server: ServerHandle | null = null;
afterEach(() => server?.close());

async function start(options: ServeOptions): Promise<ServerHandle> {
  const quiet = { port: 0, workers: 1, log: silentLog, logLevel: "silent" } as const;
  server = await serve({ ...quiet, ...options });
  return server;
}

async function bodyOf(url: string): Promise<string> {
  return (await fetch(url, { keepalive: false })).text();
}

const codeOf = async (options: ServeOptions): Promise<string> => {
  const error = await start(options).catch((reason: unknown) => reason);
  return (error as MillraceError).code;
};

describe("serve", () => {
  test("serves the welcome site when nothing is said", async () => {
    const { url, urls, adminUrl, settings } = await start({});
    expect(await bodyOf(`${url}/hello`)).toBe("Hello, World!");
    expect([urls, adminUrl, settings.workers]).toEqual([[url], null, 1]);
  });

  test("loads the changed module at a reload, and keeps the old one if it is broken", async () => {
    const app = path("app.ts");
    const version = (text: string) =>
      writeFileSync(app, `export default { fetch: () => new Response("${text}") };`);
    version("one");
    const { url, reload } = await start({ service: pathToFileURL(app) });
    expect(await bodyOf(url)).toBe("one");
    version("two");
    await reload.call(server);
    expect(await bodyOf(url)).toBe("two");
    writeFileSync(app, "export default {");
    await expect(server!.reload()).rejects.toThrow(/^Reload ended at worker 0, .*app\.ts/);
    expect(await bodyOf(url)).toBe("two");
    version("three");
    await server!.reload();
    expect(await bodyOf(url)).toBe("three");
  });

  test("loads anew what the module imports", async () => {
    writeFileSync(path("part.ts"), `export const part = "old";`);
    writeFileSync(
      path("whole.ts"),
      `import { part } from "./part.ts"; export default { fetch: () => new Response(part) };`,
    );
    const { url } = await start({ service: path("whole.ts") });
    expect(await bodyOf(url)).toBe("old");
    writeFileSync(path("part.ts"), `export const part = "new";`);
    await server!.reload();
    expect(await bodyOf(url)).toBe("new");
  });

  test("follows a service to other addresses", async () => {
    const listeners = (text: string) =>
      writeFileSync(
        path("moving.ts"),
        `const app = (host, name) => {
           return { kind: "http", port: 0, host, fetch: () => new Response(name) };
         };
         export default { listeners: [${text}] };`,
      );
    listeners(`app("127.0.0.1", "a"), app("127.0.0.1", "b")`);
    const { urls } = await start({ service: path("moving.ts") });
    expect(await Promise.all(urls.map(bodyOf))).toEqual(["a", "b"]);
    listeners(`app("127.0.0.1", "a2")`);
    await server!.reload();
    expect(server!.urls).toEqual([urls[0]!]);
    expect(await bodyOf(urls[0]!)).toBe("a2");
    await expect(fetch(urls[1]!)).rejects.toThrow();
    listeners(`app("127.0.0.1", "a3"), app("192.0.2.1", "nowhere")`);
    await expect(server!.reload()).rejects.toThrow("Cannot listen on 192.0.2.1:0: ");
    expect(await bodyOf(urls[0]!)).toBe("a2");
  });

  test("counts, and tells the same at its admin endpoint", async () => {
    const { url, adminUrl, stats } = await start({ admin: { host: "127.0.0.1", port: 0 } });
    await bodyOf(`${url}/hello`);
    const { totals } = stats.call(server);
    expect(totals["requests"]).toBe(1);
    const { pid } = (await (await fetch(`${adminUrl}/stats`)).json()) as { pid: number };
    expect(pid).toBe(process.pid);
  });

  test("stops when it goes out of scope, and twice", async () => {
    let url = "";
    {
      await using scoped = await start({});
      ({ url } = scoped);
      expect((await fetch(url, { keepalive: false })).status).toBe(200);
    }
    await expect(fetch(url)).rejects.toThrow();
    await server!.stop();
  });

  test("does not let a service serve itself, worker by worker without end", async () => {
    const door = JSON.stringify(fileURLToPath(new URL("../../src/index.ts", import.meta.url)));
    writeFileSync(
      path("itself.ts"),
      `import { serve } from ${door};
       await serve({ service: import.meta.url, port: 0 });
       export default { fetch: () => new Response("never") };`,
    );
    const attempt = start({ service: path("itself.ts") });
    await expect(attempt).rejects.toThrow("Cannot serve from inside a worker");
  });

  test("refuses what cannot be served, and leaves nothing behind", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    expect(await codeOf({ service: "/no/such/app.ts" })).toBe("ERR_MODULE");
    expect(await codeOf({ workers: 0 })).toBe("ERR_USAGE");
    expect(await codeOf({ port: other.port })).toBe("ERR_LISTEN");
    expect(await codeOf({ port: -1 })).toBe("ERR_LISTEN");
    const taken = { host: "127.0.0.1", port: other.port };
    expect(await codeOf({ admin: taken })).toBe("ERR_LISTEN");
    const server = new MillraceServer({ admin: taken, logLevel: "silent" });
    await server.start().catch(() => undefined);
    expect(server.stats().memory).toBeUndefined(); // not reserved for a server that never was
    other.stop(true);
    const free = await start({ admin: taken });
    expect(free.adminUrl).toBe(`http://127.0.0.1:${other.port}`);
  });
});
