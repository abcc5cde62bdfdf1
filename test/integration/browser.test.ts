// What a browser makes of the server: headless Chromium opens the welcome site, and an application
// whose page loads more from it in all the ways a page can.

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerProcess } from "../support/server-process.ts";
import { hasTool, runTool } from "./client-tools.ts";

setDefaultTimeout(40_000); // a browser, on a busy machine

const HAS_CHROMIUM: boolean = hasTool("chromium", "chromium");
const folder = mkdtempSync(join(tmpdir(), "millrace-browser-"));
const servers: ServerProcess[] = [];

afterAll(async () => {
  for (const server of servers) await server.kill();
  rmSync(folder, { recursive: true });
});

async function start(...args: string[]): Promise<ServerProcess> {
  const server = await ServerProcess.start(args);
  servers.push(server);
  return server;
}

const QUIET =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-extensions " +
  "--disable-background-networking --disable-component-update --disable-sync " +
  "--disable-dev-shm-usage --no-proxy-server";

/** The document after its scripts have run. */
async function domOf(url: string): Promise<string> {
  const profile = mkdtempSync(join(folder, "profile-"));
  const command = ["chromium", ...QUIET.split(" "), `--user-data-dir=${profile}`];
  const run = await runTool([...command, "--virtual-time-budget=5000", "--dump-dom", url]);
  expect([run.code, run.code === 0 ? "" : run.stderr]).toEqual([0, ""]);
  return run.stdout.toString();
}

test.skipIf(!HAS_CHROMIUM)(
  "a browser opens the welcome page and finds everything on it",
  async () => {
    const { url } = await start("--workers", "1");
    const dom = await domOf(url);
    expect(dom).toContain("<title>millrace is running</title>");
    expect(dom).toContain("<h1><span>millrace</span> is running</h1>");
    expect(dom.match(/<tr>/g)).toHaveLength(3);
    expect(dom).toContain('<a href="/hello"><code>GET /hello</code></a>');
    expect(dom).toContain('<link rel="icon" href="data:,">'); // so it asks for nothing else
    expect(dom).toContain('new Response("Hello from " + new URL(request.url).pathname)');
  },
);

const PAGE = `<!doctype html><title>before</title>
<link rel="stylesheet" href="/static/style.css"><img id="image" src="/static/image.svg">
<p id="styled">styled</p><ul id="list"></ul>
<script type="module">
  import { word } from "/static/module.js";
  const say = (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.getElementById("list").append(item);
  };
  say("module " + word);
  say("colour " + getComputedStyle(document.getElementById("styled")).color);
  await document.getElementById("image").decode();
  say("image " + document.getElementById("image").naturalWidth);
  const body = "é".repeat(100000);
  const echoed = await (await fetch("/echo", { method: "POST", body })).text();
  say("echo " + (echoed === body));
  const form = new FormData();
  form.append("file", new Blob(["content"]), "a.txt");
  say("form " + (await (await fetch("/form", { method: "POST", body: form })).text()));
  const many = await Promise.all(Array.from({ length: 30 }, (_, n) => fetch("/n/" + n)));
  say("many " + (await Promise.all(many.map((each) => each.text()))).join());
  const events = new EventSource("/events");
  events.onmessage = (event) => {
    say("event " + event.data);
    if (event.data === "2") events.close(), (document.title = "done");
  };
</script>`;

const APP = `
  const html = { headers: { "Content-Type": "text/html; charset=utf-8" } };
  async function* ticks() {
    for (let count = 0; ; count++) {
      yield "data: " + count + "\\n\\n";
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  const routes = {
    "/": () => new Response(${JSON.stringify(PAGE)}, html),
    "/echo": async (request) => new Response(await request.text()),
    "/form": async (request) => {
      const file = (await request.formData()).get("file");
      return new Response(file.name + " " + (await file.text()));
    },
    "/events": () =>
      new Response(ticks(), { headers: { "Content-Type": "text/event-stream" } }),
  };
  const files = {
    "style.css": ["text/css", "#styled { color: rgb(1, 2, 3) }"],
    "module.js": ["text/javascript", "export const word = 'loaded';"],
    "image.svg": [
      "image/svg+xml",
      '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"/>',
    ],
  };
  export default {
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/n/")) return new Response(pathname.slice(3));
      const file = files[pathname.replace("/static/", "")];
      if (file) return new Response(file[1], { headers: { "Content-Type": file[0] } });
      return routes[pathname]?.(request) ?? new Response("", { status: 404 });
    },
  };`;

test.skipIf(!HAS_CHROMIUM)(
  "a browser loads, posts, streams and counts on an app's page",
  async () => {
    const app = join(folder, "app.ts");
    writeFileSync(app, APP);
    const log = join(folder, "access.log");
    const server = await start(app, "--access-log", log, "--access-log-format", "json");
    const dom = await domOf(server.url);
    const items = [...dom.matchAll(/<li>(.*?)<\/li>/g)].map((match) => match[1]);
    expect(items).toEqual([
      "module loaded",
      "colour rgb(1, 2, 3)",
      "image 40",
      "echo true",
      "form a.txt content",
      `many ${Array.from({ length: 30 }, (_, index) => index).join()}`,
      "event 0",
      "event 1",
      "event 2",
    ]);
    expect(dom).toContain("<title>done</title>");
    server.signal("SIGTERM");
    expect((await server.untilEnded()).code).toBe(0);
    const lines = (await Bun.file(log).text()).trim().split("\n");
    const logged = lines.map((line) => JSON.parse(line) as { path: string; user_agent: string });
    expect(logged.filter(({ path }) => path.startsWith("/n/"))).toHaveLength(30);
    expect(logged.every(({ user_agent }) => user_agent.includes("Chrome/"))).toBe(true);
  },
);
