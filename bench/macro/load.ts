// The scenarios and the generator that plays them: wrk with one thread, bound to the client core.
// It answers what it counted, never what it meant to send.

import { CLIENT_CORE, pinned, toolPath } from "./machine.ts";

export interface Scenario {
  name: string;
  about: string;
  path: string;
  connections: number;
  method: "GET" | "POST";
  headers: readonly string[];
  bodyBytes: number;
  pipeline: number;
  /** Each answer is the last of its connection. */
  closes: boolean;
  /** Of the server, whatever was asked for; 0 leaves that. */
  workers: number;
  /** What the answer must hold, so that no error page is measured. */
  expectBytes: number;
}

export interface Load {
  responses: number;
  microseconds: number;
  bytes: number;
  p50: number;
  p99: number;
  max: number;
  errors: { connect: number; read: number; write: number; timeout: number; status: number };
}

const HELLO_BYTES = 13;
const CONNECTIONS = 64;
const KEEPALIVE: Omit<Scenario, "name" | "about"> = {
  path: "/hello",
  connections: CONNECTIONS,
  method: "GET",
  headers: [],
  bodyBytes: 0,
  pipeline: 1,
  closes: false,
  workers: 0,
  expectBytes: HELLO_BYTES,
};

/** About 600 bytes, as a browser sends them. */
const BROWSER_HEADERS: readonly string[] = [
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
  "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
  "Accept-Encoding: gzip, deflate, br, zstd",
  `Cookie: session=${"0123456789abcdef".repeat(6)}; theme=dark; consent=1-0-1; _ga=GA1.1.17.31`,
  "Referer: http://127.0.0.1:8080/some/page/that/links/here",
  "Upgrade-Insecure-Requests: 1",
  "Sec-Fetch-Dest: document",
  "Sec-Fetch-Mode: navigate",
  "Cache-Control: max-age=0",
];

const post = (bodyBytes: number): Omit<Scenario, "name" | "about"> => ({
  ...KEEPALIVE,
  path: "/echo",
  method: "POST",
  bodyBytes,
  expectBytes: bodyBytes,
});

export const SCENARIOS: readonly Scenario[] = [
  { ...KEEPALIVE, name: "keepalive", about: "GET /hello on 64 kept connections" },
  {
    ...KEEPALIVE,
    name: "browser",
    about: "the same with a browser's headers",
    headers: BROWSER_HEADERS,
  },
  { ...KEEPALIVE, name: "pipeline16", about: "the same, 16 requests at once", pipeline: 16 },
  {
    ...KEEPALIVE,
    name: "close",
    about: "a connection per request",
    headers: ["Connection: close"],
    closes: true,
  },
  { ...post(1024), name: "post1k", about: "POST of 1 KB, echoed" },
  { ...post(65_536), name: "post64k", about: "POST of 64 KB, echoed" },
  { ...KEEPALIVE, name: "file1k", about: "a file of 1 KB", path: "/1k.bin", expectBytes: 1024 },
  {
    ...KEEPALIVE,
    name: "file100k",
    about: "a file of 100 KB",
    path: "/100k.bin",
    expectBytes: 102_400,
  },
  { ...KEEPALIVE, name: "workers2", about: "GET /hello, kept, two workers", workers: 2 },
];

export function missingGenerator(): string | null {
  return toolPath("wrk") === null ? "wrk is not installed (apt-get install wrk)" : null;
}

export async function generate(scenario: Scenario, port: number, seconds: number): Promise<Load> {
  const url = `http://127.0.0.1:${port}${scenario.path}`;
  const script = `${import.meta.dir}/load.lua`;
  const wrk = [
    toolPath("wrk")!,
    "-t1",
    `-c${scenario.connections}`,
    `-d${seconds}s`,
    "-s",
    script,
    url,
  ];
  const generator = Bun.spawn(pinned(wrk, CLIENT_CORE), {
    env: {
      ...process.env,
      LOAD_METHOD: scenario.method,
      LOAD_PIPELINE: String(scenario.pipeline),
      LOAD_BODY_BYTES: String(scenario.bodyBytes),
      LOAD_HEADERS: scenario.headers.join("\n"),
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const text = await new Response(generator.stdout).text();
  const line = /^LOAD (.*)$/m.exec(text)?.[1];
  if (line === undefined) {
    throw new Error(`wrk said nothing for ${url}: ${await new Response(generator.stderr).text()}`);
  }
  return JSON.parse(line) as Load;
}

/** Bun.serve closes as asked but does not announce it, which wrk counts as a read error. */
export function errorsOf(load: Load, closes: boolean): number {
  const all = Object.values(load.errors).reduce((sum, count) => sum + count, 0);
  return closes ? all - load.errors.read : all;
}
