// Every example, run as its head comment says. The larger ones have tests of their own.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { encodeFrame, lengthField } from "millrace";
import { ServerProcess } from "../support/server-process.ts";

setDefaultTimeout(30_000);

const ROOT: string = resolve(import.meta.dir, "../..");
const ELSEWHERE: readonly string[] = ["chat-client.ts", "chat.ts", "shared-memory.ts"];
const TRIED: readonly string[] = ["echo.ts", "fetch.ts", "hello.ts", "program.ts", "trailers.ts"];

let server: ServerProcess | null = null;

afterEach(async () => {
  await server?.kill();
  server = null;
});

async function start(example: string, environment = {}): Promise<ServerProcess> {
  const options = { cwd: ROOT, environment };
  const args = [`./examples/${example}`, "--port", "0", "--workers", "2"];
  server = await ServerProcess.startWith(options, args);
  return server;
}

async function ask(path: string, init?: RequestInit): Promise<[number, string]> {
  const response = await fetch(server!.url + path, init);
  return [response.status, await response.text()];
}

test("every example is tried, and says how it is run", async () => {
  const found = await Array.fromAsync(new Bun.Glob("*.ts").scan(`${ROOT}/examples`));
  expect(found.sort()).toEqual([...ELSEWHERE, ...TRIED].sort());
  for (const name of found) {
    const head = readFileSync(`${ROOT}/examples/${name}`, "utf8").split("\n\n", 1)[0]!;
    const command = new RegExp(`^// {2,}.*bun (?:run start -- \\./)?examples/${name}`, "m");
    expect([name, head]).toEqual([name, expect.stringMatching(command)]);
  }
});

test("hello.ts greets, adds up, and says where to look", async () => {
  await start("hello.ts");
  expect(await ask("/hello/you")).toEqual([200, "Hello, you!\n"]);
  expect(await ask("/hello/J%C3%BCrgen")).toEqual([200, "Hello, Jürgen!\n"]);
  expect(await ask("/sum", { method: "POST", body: "[1, 2, 3]" })).toEqual([200, '{"sum":6}']);
  expect(await ask("/sum", { method: "POST", body: "[]" })).toEqual([200, '{"sum":0}']);
  expect(await ask("/nowhere")).toEqual([404, "Try /hello/you\n"]);
  for (const bad of ["not JSON", "", "null", "{}", '["1"]']) {
    const [status] = await ask("/sum", { method: "POST", body: bad });
    expect([bad, status]).toEqual([bad, 400]);
  }
});

test("fetch.ts tells the time and shouts", async () => {
  await start("fetch.ts");
  expect(await ask("/time")).toEqual([200, expect.stringMatching(/^\{"time":"2\d\d\d-.*Z"\}$/)]);
  expect(await ask("/shout", { method: "POST", body: "text" })).toEqual([200, "TEXT"]);
  expect(await ask("/shout")).toEqual([404, "There is nothing at /shout\n"]);
});

test("trailers.ts takes an upload whose checksum comes behind it", async () => {
  const { port } = await start("trailers.ts");
  const hash = new Bun.CryptoHasher("sha256").update("hi").digest("hex");
  const trailers = [`X-SHA256: ${hash}\r\n`, `X-Sha256: ${hash.slice(1)}0\r\n`, ""];
  for (const [index, expected] of ["whole", "damaged", "no checksum"].entries()) {
    const { promise, resolve } = Promise.withResolvers<string>();
    let received = "";
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) =>
          void socket.write(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" +
              `\r\n2\r\nhi\r\n0\r\n${trailers[index]}\r\n`,
          ),
        data: (_socket, chunk) => void (received += chunk.toString()),
        close: () => resolve(received),
      },
    });
    expect(await promise).toEndWith(`\r\n\r\n${expected}\n`);
  }
});

test("site/ is served as a site", async () => {
  await start("site");
  const [status, page] = await ask("/");
  expect(status).toBe(200);
  const files = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map((match) => match[1]!);
  expect(files).toEqual(["mill.svg", "site.css", "mill.svg"]);
  for (const file of files) {
    const response = await fetch(`${server!.url}/${file}`);
    expect(response.status).toBe(200);
    const type = file.endsWith("svg") ? "image/svg+xml" : "text/css; charset=utf-8";
    expect(response.headers.get("content-type")).toBe(type);
  }
});

test("echo.ts sends frames back, and serves HTTP beside", async () => {
  const { port } = await start("echo.ts", { ECHO_PORT: "0" }); // of the first line: tcp://
  const frame = encodeFrame(lengthField({ bytes: 4, maxFrameBytes: 1 << 20 }), Buffer.from("hi"));
  const received = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (opened) => void opened.write(frame),
      data: (_, bytes) => received.resolve(bytes.toString("hex")),
    },
  });
  expect(await received.promise).toBe("000000026869");
  socket.end();
  while (server!.stdout.length < 2) await Bun.sleep(1);
  const site = / on (http:\S+) /.exec(server!.stdout[1]!)![1]!;
  expect(await (await fetch(site)).text()).toMatch(/^echo on port \d+\n$/);
});

test("program.ts serves, reloads and ends by itself", async () => {
  const child = Bun.spawn([process.execPath, "examples/program.ts"], { cwd: ROOT });
  const output = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  expect(output.replace(/:\d+\n/, ":PORT\n")).toBe(
    "listening on http://127.0.0.1:PORT\n" +
      "Hello, program!\nHello, program!\n2 requests answered\n",
  );
});
