// A site in a temporary folder and a listener that serves nothing else: on fake sockets, where a
// request may be any bytes, or on real ones, where the kernel sends the files.

import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BufferPool } from "../../src/buffer/buffer-pool.ts";
import { systemClock } from "../../src/core/clock.ts";
import { CLOSE_DRAIN } from "../../src/core/close-reason.ts";
import { COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { MIB } from "../../src/core/limits.ts";
import { createLog } from "../../src/core/log.ts";
import { PlainStore } from "../../src/memory/plain-store.ts";
import type { Connection } from "../../src/net/connection.ts";
import { Reactor } from "../../src/net/reactor.ts";
import { answerStatus } from "../../src/server/answer.ts";
import { TopicChannel } from "../../src/server/channel.ts";
import { HttpApplication } from "../../src/server/http-application.ts";
import type { RouteHandler } from "../../src/server/service.ts";
import { StaticFiles } from "../../src/server/static-files.ts";
import { SETTLED_MS } from "../../src/server/static-representation.ts";
import type { StaticOptions } from "../../src/server/static-options.ts";
import type { TlsOptions } from "../../src/net/tls.ts";
import { openTransport } from "../../src/server/transport.ts";
import { type Answer, type HttpPeer, HttpWorld, SETTINGS } from "./http-world.ts";

/** When the files of a site were written, unless a test says otherwise: long ago. */
export const WRITTEN_AT = new Date("2026-01-02T03:04:05Z");

/** A folder of files, removed at the end of the test by `using`. */
export class SiteFolder implements Disposable {
  /** Parent of the root: what lies here is outside the site. */
  readonly outside: string = mkdtempSync(join(tmpdir(), "millrace-site-"));
  readonly root: string = join(this.outside, "root");

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    mkdirSync(this.root);
    for (const [path, content] of Object.entries(files)) this.write(path, content);
  }

  write(path: string, content: string | Uint8Array, at: Date = WRITTEN_AT): string {
    const name = join(this.root, path);
    mkdirSync(dirname(name), { recursive: true });
    writeFileSync(name, content);
    utimesSync(name, at, at);
    return name;
  }

  [Symbol.dispose](): void {
    rmSync(this.outside, { recursive: true, force: true });
  }
}

export type SiteOptions = Omit<StaticOptions, "root">;

/** The files of a folder on fake sockets under a fake clock. */
export class StaticWorld extends HttpWorld {
  readonly files: StaticFiles;

  constructor(
    folder: { readonly root: string },
    options: SiteOptions = {},
    memoryBytes: number = 64 * MIB,
  ) {
    const handler: RouteHandler = (request, response) => {
      const result = this.files.handle(request, response);
      return result === false ? answerStatus(response, 404) : result;
    };
    super({ routes: { "/*": handler } }, {}, { memoryBytes });
    this.files = new StaticFiles({ root: folder.root, ...options }, this.reactor);
    this.clock.advance(SETTLED_MS); // no file of the folder counts as just written
  }

  /** The answer to one request on a connection of its own. */
  async get(path: string, fields: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.ask("GET", path, fields);
  }

  async ask(
    method: string,
    path: string,
    fields: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const peer: HttpPeer = this.connect();
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    peer.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\n${lines.join("")}\r\n`);
    const [answer] = await peer.answered(1, method);
    peer.leave();
    return answer!;
  }

  /** Nothing is held once the cache is empty. */
  override checkEnd(): void {
    this.files.site.cache.checkInvariants();
    this.files.site.cache.clear();
    super.checkEnd();
  }
}

/** The same on a real listening socket. */
export class StaticServer implements Disposable {
  readonly pool: BufferPool = new BufferPool(new PlainStore(64 * MIB));
  readonly reactor: Reactor;
  readonly port: number;
  readonly counters: Float64Array = new Float64Array(COUNTERS_PER_ROW);
  readonly log: string[] = [];
  private readonly application: HttpApplication;
  private readonly listener: { stop(): void; readonly port: number };

  constructor(folder: SiteFolder, options: SiteOptions = {}, tls: TlsOptions | null = null) {
    this.reactor = new Reactor({
      clock: systemClock,
      pool: this.pool,
      counters: this.counters,
      limits: { maxConnections: 1000, writeStallMs: 10_000, writeBytesMin: 1 },
    });
    const log = createLog({ write: (line) => void this.log.push(line) });
    const channel = new TopicChannel(() => {});
    const worker = { index: 0, workers: 1, channel };
    const files = { static: { root: folder.root, ...options } };
    this.application = new HttpApplication(files, SETTINGS, this.reactor, log, worker);
    const transport = openTransport(tls === null ? {} : { tls }, 0, log);
    const socket = this.reactor.handlers(transport.wrap(this.application));
    const secure = transport.tls === null ? {} : { tls: transport.tls };
    const where = { hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket, ...secure };
    this.listener = Bun.listen(where as unknown as Bun.TCPSocketListenOptions<Connection>);
    this.port = this.listener.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  [Symbol.dispose](): void {
    this.listener.stop();
    this.reactor.closeAll(CLOSE_DRAIN);
    this.reactor.stop();
    this.application.close();
  }
}
