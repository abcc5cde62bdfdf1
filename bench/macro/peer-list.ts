// Who is compared, and how each is started. A peer says for each scenario what to run, or null when
// it does not offer that; and it says why it is missing on this machine, so that none is left out
// in silence.

import { mkdirSync, writeFileSync } from "node:fs";
import type { Scenario } from "./load.ts";
import { toolPath } from "./machine.ts";

export interface Peer {
  name: string;
  about: string;
  /** Why it cannot run here; null when it can. Called once, before anything is started. */
  missing(folder: string): string | null;
  /** The command line, or null when it does not offer this scenario, or so many workers. */
  command(scenario: Scenario, folder: string, workers: number): null | ((port: number) => string[]);
}

const HERE: string = import.meta.dir;
const MAIN = `${HERE}/../../src/cli/main.ts`;
const bun: string = process.execPath;

const offersHello = (scenario: Scenario): boolean => scenario.path === "/hello";
const offersEcho = (scenario: Scenario): boolean => scenario.path === "/echo";

/** Of a peer that is one thread. */
function onOneThread(peer: Peer): Peer {
  return {
    ...peer,
    command: (scenario, folder, workers) =>
      workers > 1 ? null : peer.command(scenario, folder, workers),
  };
}

const fetchApp = (scenario: Scenario): string | null => {
  if (offersHello(scenario)) return `${HERE}/peers/fetch-hello.ts`;
  return offersEcho(scenario) ? `${HERE}/peers/fetch-echo.ts` : null;
};

const HONO_APP = `${HERE}/peers/hono-app.ts`;

const ONE_THREAD: readonly Peer[] = [
  {
    name: "c-epoll",
    about: "C epoll loop, the floor",
    missing: compileEpoll,
    command: (scenario, folder) =>
      offersHello(scenario) ? (port) => [`${folder}/epoll`, String(port)] : null,
  },
  {
    name: "bun-listen",
    about: "bare Bun.listen, fixed answer",
    missing: () => null,
    command: (scenario) =>
      offersHello(scenario) ? (port) => [bun, `${HERE}/peers/bun-listen.ts`, String(port)] : null,
  },
  {
    name: "bun-routes",
    about: "Bun.serve, static routes",
    missing: () => null,
    command: (scenario, folder) =>
      scenario.method === "GET"
        ? (port) => [bun, `${HERE}/peers/bun-serve.ts`, String(port), "routes", folder]
        : null,
  },
  {
    name: "bun-fetch",
    about: "Bun.serve, fetch handler",
    missing: () => null,
    command(scenario) {
      const app = fetchApp(scenario);
      if (app === null) return null;
      return (port) => [bun, `${HERE}/peers/bun-serve.ts`, String(port), "fetch", app];
    },
  },
  {
    name: "node-http",
    about: "node:http on Node.js",
    missing: () => (toolPath("node") === null ? "node is not installed" : null),
    command: (scenario) =>
      offersHello(scenario) || offersEcho(scenario)
        ? (port) => [toolPath("node")!, `${HERE}/peers/node-http.mjs`, String(port)]
        : null,
  },
  {
    name: "hono",
    about: "Hono on Bun.serve",
    missing: missingHono,
    command: (scenario) =>
      offersHello(scenario) || offersEcho(scenario)
        ? (port) => [bun, `${HERE}/peers/bun-serve.ts`, String(port), "fetch", HONO_APP]
        : null,
  },
];

export const PEERS: readonly Peer[] = [
  ...ONE_THREAD.map(onOneThread),
  {
    name: "nginx",
    about: "nginx, one worker, no access log",
    missing: () =>
      toolPath("nginx") === null ? "nginx is not installed (apt-get install nginx)" : null,
    command: (scenario, folder, workers) =>
      scenario.method === "GET"
        ? (port) => [toolPath("nginx")!, "-p", folder, "-c", nginxConfig(folder, port, workers)]
        : null,
  },
  {
    name: "millrace",
    about: "millrace, fast form",
    missing: missingMillrace,
    command(scenario, folder, workers) {
      const what = scenario.path.endsWith(".bin") ? [folder] : [];
      return (port) => [bun, MAIN, "start", ...what, ...listenOn(port, workers)];
    },
  },
  {
    name: "millrace-fetch",
    about: "millrace, fetch form",
    missing: missingMillrace,
    command(scenario, _folder, workers) {
      const app = fetchApp(scenario);
      return app === null ? null : (port) => [bun, MAIN, "start", app, ...listenOn(port, workers)];
    },
  },
];

/** The files that static scenarios ask for, and a place for what is compiled and generated. */
export function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/1k.bin`, new Uint8Array(1024).fill(0x78));
  writeFileSync(`${folder}/100k.bin`, new Uint8Array(102_400).fill(0x78));
}

export function millraceCommand(app: string | null, port: number, workers: number): string[] {
  return [bun, MAIN, "start", ...(app === null ? [] : [app]), ...listenOn(port, workers)];
}

function listenOn(port: number, workers: number): string[] {
  return ["--port", String(port), "--workers", String(workers)];
}

function missingHono(): string | null {
  try {
    import.meta.resolve("hono");
    return null;
  } catch {
    return "hono is not installed (npm install)";
  }
}

function missingMillrace(): string | null {
  return Bun.file(MAIN).size > 0 ? null : "src/cli/main.ts is not there yet";
}

function compileEpoll(folder: string): string | null {
  const gcc = toolPath("gcc") ?? toolPath("cc");
  if (gcc === null) return "no C compiler is installed (apt-get install gcc libc6-dev)";
  const source = `${HERE}/peers/epoll.c`;
  const done = Bun.spawnSync([gcc, "-O2", "-Wall", "-Wextra", "-o", `${folder}/epoll`, source]);
  return done.success ? null : `gcc failed: ${done.stderr.toString().trim()}`;
}

/** One process for one worker: with more, a master and its workers, all of which are counted. */
function nginxConfig(folder: string, port: number, workers: number): string {
  const path = `${folder}/nginx-${port}.conf`;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `  ${kind}_temp_path ${folder}/nginx-${kind};`)
    .join("\n");
  const text = `daemon off;
master_process ${workers === 1 ? "off" : "on"};
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${folder}/nginx-${port}.pid;
error_log stderr error;
events { worker_connections 19000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  sendfile on;
${temporary}
  default_type text/plain;
  server {
    listen 127.0.0.1:${port} backlog=4096${workers === 1 ? "" : " reuseport"};
    root ${folder};
    location = /hello { return 200 "Hello, World!"; }
  }
}
`;
  writeFileSync(path, text);
  return path;
}
