// The programmatic door: what the command `start` does, as an object. A MillraceServer is created
// (all that can be checked is checked), started, reloaded, stopped; serve() does the first two.

import { MillraceError } from "../core/errors.ts";
import { createLog, type Log, type LogLevel } from "../core/log.ts";
import { formatAddress, formatHostPort } from "../net/socket-address.ts";
import { checkAccessLog } from "../server/access-log-file.ts";
import { resolveAccessLog } from "../server/access-log-options.ts";
import {
  resolveSettings,
  type ServerSettings,
  type ServerSettingsInput,
} from "../server/settings.ts";
import { isOwned } from "../thread/worker-port.ts";
import { startAdmin, type AdminEndpoint } from "./admin.ts";
import type { ListenerOverride } from "./listener-override.ts";
import { inspectMachine } from "./machine.ts";
import { Master } from "./master.ts";
import type { ServerStats } from "./server-stats.ts";
import { resolveSource } from "./service-source.ts";
import type { Endpoint } from "./socket-table.ts";

export interface ServeOptions
  extends Omit<ServerSettingsInput, "workers" | "backlog">, ListenerOverride {
  /** A module (URL or path), a folder, or nothing for the welcome site. */
  readonly service?: URL | string | undefined;
  /** "auto", the default, is one a processor. */
  readonly workers?: number | "auto" | undefined;
  /** A read-only endpoint for /stats, /metrics and /healthz; off by default. */
  readonly admin?: { readonly host: string; readonly port: number } | undefined;
  /** Default "info". */
  readonly logLevel?: LogLevel | undefined;
  /** Where the master logs; standard error by default. Workers log to standard error always. */
  readonly log?: Log | undefined;
  /** The server was up and has ended, since no worker can be started any more. */
  readonly onFailure?: ((error: MillraceError) => void) | undefined;
}

/** A server: a master and its workers, all in this process. */
export interface ServerHandle extends AsyncDisposable {
  /** Of the first listener: "http://127.0.0.1:8080". */
  readonly url: string;
  /** Of all listeners, in the service's order. */
  readonly urls: readonly string[];
  /** Of the admin endpoint, if there is one. */
  readonly adminUrl: string | null;
  readonly settings: ServerSettings;
  /** New workers load the service anew, one by one; no connection is lost. Rejects with
      MillraceError if the new code cannot start, and then the old one serves on. */
  reload(): Promise<void>;
  /** Stops accepting, lets requests finish, and resolves by `drainTimeoutMs` at the latest. */
  stop(): Promise<void>;
  /** Ends at once; every connection is cut. */
  close(): Promise<void>;
  stats(): ServerStats;
}

/**
 * Starts a server on every core of this machine and resolves when it accepts connections.
 *
 *     const server = await serve({ service: new URL("./app.ts", import.meta.url), port: 0 });
 *     console.log(server.url);
 *     await server.reload();
 *     await server.stop();
 *
 * Rejects with MillraceError: ERR_USAGE, ERR_MODULE, ERR_LISTEN or ERR_WORKER.
 */
export async function serve(options: ServeOptions = {}): Promise<ServerHandle> {
  if (isOwned()) {
    // Each worker would start workers of its own, and so on.
    const text = "Cannot serve from inside a worker: the service must be a module of its own";
    throw new MillraceError("ERR_USAGE", text);
  }
  const server = new MillraceServer(options);
  await server.start();
  return server;
}

export class MillraceServer implements ServerHandle {
  readonly settings: ServerSettings;
  private readonly options: ServeOptions;
  private readonly master: Master;
  private readonly log: Log;
  private admin: AdminEndpoint | null = null;

  /** Throws MillraceError ERR_USAGE or ERR_MODULE. */
  constructor(options: ServeOptions) {
    const { host, port, unix, backlog, logLevel = "info" } = options;
    const log = options.log ?? createLog({ level: logLevel });
    const workers = options.workers === "auto" ? undefined : options.workers;
    this.options = options;
    this.log = log;
    this.settings = resolveSettings({ ...options, workers }, inspectMachine());
    const { accessLog } = this.settings;
    if (accessLog !== undefined) checkAccessLog(resolveAccessLog(accessLog).file);
    this.master = new Master({
      source: resolveSource(options.service, process.cwd()),
      settings: this.settings,
      log,
      logLevel,
      listener: { host, port, unix, backlog },
      onFailure: (error) => {
        log.error(error.message);
        void this.admin?.stop();
        options.onFailure?.(error);
      },
    });
  }

  /** Resolves when all workers serve; rejects with MillraceError, and nothing is left open. */
  async start(): Promise<void> {
    const { admin } = this.options;
    // First, since a taken address should be told before workers load.
    try {
      if (admin !== undefined) {
        this.admin = startAdmin(admin.host, admin.port, this.master);
        this.log.info(`counters at ${this.adminUrl}/stats and /metrics`);
      }
      await this.master.start();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get url(): string {
    return this.urls[0] ?? "";
  }

  get urls(): readonly string[] {
    return this.master.endpoints.map((endpoint) => urlOf(endpoint));
  }

  get adminUrl(): string | null {
    return this.admin === null
      ? null
      : `http://${formatHostPort(this.admin.host, this.admin.port)}`;
  }

  get isStopping(): boolean {
    return this.master.isStopping;
  }

  reload(): Promise<void> {
    return this.master.reload();
  }

  async stop(): Promise<void> {
    await this.master.stop();
    await this.admin?.stop();
  }

  async close(): Promise<void> {
    await this.master.close();
    await this.admin?.stop();
  }

  stats(): ServerStats {
    return this.master.stats();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** "http://127.0.0.1:8080", "tls://[::1]:9000" or "unix:/run/app.sock". */
function urlOf({ spec, address }: Endpoint): string {
  const text = formatAddress(address);
  const scheme = spec.tls !== true ? spec.kind : spec.kind === "http" ? "https" : "tls";
  return address.kind === "unix" ? text : `${scheme}://${text}`;
}
