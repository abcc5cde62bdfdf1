// One worker's server: the reactor, the listeners of its service, and what each of them speaks. It
// lives in one thread and knows nothing of the other workers.

import { systemClock } from "../core/clock.ts";
import { messageOf, MillraceError } from "../core/errors.ts";
import { COUNT_HANDLER_ERRORS } from "../core/counters.ts";
import type { Log } from "../core/log.ts";
import { HOST_DEFAULT, MAIL_LOOK_MS, PORT_DEFAULT } from "../core/limits.ts";
import { CLOSE_DRAIN } from "../core/close-reason.ts";
import { COUNT_LOG_LINES_LOST } from "../core/counters.ts";
import { BufferPool } from "../buffer/buffer-pool.ts";
import type { BlockStore } from "../memory/block-store.ts";
import { PlainStore } from "../memory/plain-store.ts";
import type { Connection } from "../net/connection.ts";
import { Listener, type ListenSource } from "../net/listener.ts";
import { Reactor } from "../net/reactor.ts";
import { closeOrphans, DescriptorLedger, type Orphan } from "../net/uring/descriptor-ledger.ts";
import { RingTransport } from "../net/uring/ring-transport.ts";
import { AccessLog } from "./access-log.ts";
import { AccessLogFiles } from "./access-log-file.ts";
import { HttpApplication } from "./http-application.ts";
import { type ChannelPort, TopicChannel } from "./channel.ts";
import { httpLimitsOf } from "./http-limit-options.ts";
import type { Service, WorkerContext } from "./service.ts";
import { TcpApplication } from "./tcp-application.ts";
import type { TcpListener } from "./tcp-service.ts";
import type { ServerSettings } from "./settings.ts";
import { openTransport, wantsProxyHeader } from "./transport.ts";

const LIMIT_NEWS_MS = 10_000;
/** Of a worker's part of the memory limit such a share, at most, is for the ring's buffers. */
const RING_SHARE_OF_MEMORY = 8;
const RING_TRIES = 40;
const RING_RETRY_MS = 50;

/** What the master needs to know of a listener to make its sockets. */
export interface ListenerSpec {
  readonly kind: "http" | "tcp";
  readonly host: string;
  readonly port: number;
  readonly unix?: string;
  readonly tls?: boolean;
}

export interface ServerOptions {
  readonly service: Service;
  readonly settings: ServerSettings;
  /** This worker's row of the stats board. */
  readonly counters: Float64Array;
  readonly log: Log;
  readonly workerIndex: number;
  readonly workerCount: number;
  /** Where io_bufs come from; by default this worker's own memory, with its share of the limit. */
  readonly store?: BlockStore;
  /** Where open descriptors are noted for whoever ends this thread; see DescriptorLedger. */
  readonly ledger?: SharedArrayBuffer;
  /** Connects the channel with the other workers; null where there are none. */
  readonly openMail?: (channel: TopicChannel) => Mail | null;
}

/** The way to the other workers. */
export interface Mail extends ChannelPort {
  /** About once a second. */
  look(): void;
  close(): void;
}

export class Server {
  readonly reactor: Reactor;
  private readonly options: ServerOptions;
  private readonly applications: { close(): void }[] = [];
  private readonly listeners: Listener[];
  private readonly logFiles: AccessLogFiles;
  private readonly worker: WorkerContext;
  private readonly mail: Mail | null;
  private ring: RingTransport<Connection> | null = null;
  private cleanUp: unknown = undefined;
  private limitToldMs = -Infinity;

  constructor(options: ServerOptions) {
    this.options = options;
    const { settings, service, log, workerIndex, workerCount } = options;
    const store =
      options.store ?? new PlainStore(Math.floor(settings.memoryLimitBytes / workerCount));
    this.reactor = new Reactor({
      clock: systemClock,
      pool: new BufferPool(store),
      counters: options.counters,
      limits: {
        maxConnections: settings.maxConnections,
        writeStallMs: settings.writeStallMs || Infinity,
        writeBytesMin: settings.writeBytesMin,
      },
      onFull: (full) => this.holdBack(full),
      onBeat: () => {
        this.ring?.nudge();
        this.mail?.look();
      },
    });
    const channel = new TopicChannel((error) => this.channelError(error));
    this.mail = options.openMail?.(channel) ?? null;
    channel.port = this.mail;
    const worker = { index: workerIndex, workers: workerCount, channel };
    this.worker = worker;
    const files = new AccessLogFiles(log, (lines) => {
      options.counters[COUNT_LOG_LINES_LOST]! += lines;
    });
    this.logFiles = files;
    const { reactor } = this;
    this.listeners = service.listeners.map((listener, index) => {
      const limits = httpLimitsOf(
        listener.kind === "http" ? listener : {},
        settings,
        settings.asked,
      );
      const { bodyBytesMax, headTimeoutMs, idleTimeoutMs } = limits;
      const logContext = { reactor, log, files, workerIndex, bodyBytesMax };
      const application =
        listener.kind === "http"
          ? new HttpApplication(
              listener,
              limits,
              reactor,
              log,
              worker,
              AccessLog.of(listener, settings, logContext),
            )
          : new TcpApplication(listener as TcpListener, log);
      this.applications.push(application);
      const transport = openTransport(listener, headTimeoutMs || idleTimeoutMs, log);
      const handlers = this.reactor.handlers(transport.wrap(application));
      const onRetry = (error: unknown) => log.warn(`cannot accept again yet: ${messageOf(error)}`);
      const { tls } = transport;
      const peerFirst = listener.kind === "http" || tls !== null || wantsProxyHeader(listener);
      return new Listener(handlers, { onRetry, tls, index, peerFirst });
    });
  }

  /** Where the listeners of a service want to be. */
  static specs(service: Service): ListenerSpec[] {
    return service.listeners.map((listener) => ({
      kind: listener.kind,
      host: listener.host ?? HOST_DEFAULT,
      port: listener.port ?? PORT_DEFAULT,
      ...(listener.unix === undefined ? {} : { unix: listener.unix }),
      ...(listener.tls === undefined ? {} : { tls: true }),
    }));
  }

  /** Runs the service's setup. */
  async start(): Promise<void> {
    this.ring = await this.openRing();
    await this.whileHearing(async () => {
      this.cleanUp = await this.options.service.setup?.(this.worker);
    });
    this.reactor.start();
  }

  /** Without the beat of the reactor the mail is looked after all the same. */
  private async whileHearing(work: () => Promise<void>): Promise<void> {
    const looks = setInterval(() => this.mail?.look(), MAIL_LOOK_MS);
    looks.unref();
    try {
      await work();
    } finally {
      clearInterval(looks);
    }
  }

  /** Begins to accept on a listener, by its index in the service. */
  attach(index: number, source: ListenSource): void {
    this.listeners[index]!.attach(source, this.ring);
  }

  /** Takes over connections that another worker had accepted, and serves those that it can: the
   *  service may have changed since. */
  adopt(orphans: readonly Orphan[]): void {
    const ledger = new DescriptorLedger(this.options.ledger);
    ledger.inherit(orphans);
    for (const orphan of orphans) {
      if (this.listeners[orphan.listener]?.adopt(orphan.fd) === true) continue;
      ledger.remove(orphan.fd);
      closeOrphans([orphan]);
    }
  }

  /** Stops accepting; connections live on. Resolves when none is accepted any more. */
  async detachAll(): Promise<void> {
    for (const listener of this.listeners) listener.detach();
    await this.ring?.settled();
  }

  /** Ends with care; see Reactor.drain. */
  async drain(options: { quietMs: number; timeoutMs: number }): Promise<void> {
    this.reactor.draining = true;
    await this.detachAll();
    await this.reactor.drain(options.quietMs, options.timeoutMs);
    await this.finish();
  }

  /** Ends at once. */
  async closeAll(): Promise<void> {
    await this.detachAll();
    this.reactor.closeAll(CLOSE_DRAIN);
    await this.finish();
  }

  /** The memory limit is met: lets go of buffers that nobody uses. */
  relieve(): void {
    this.reactor.pool.flush();
  }

  /** Where connections come by io_uring; null where Bun's own sockets have to do. */
  private async openRing(): Promise<RingTransport<Connection> | null> {
    const { settings, log, ledger } = this.options;
    if (settings.io === "bun") return null;
    const { reactor } = this;
    const options = {
      pool: reactor.pool,
      clock: reactor,
      bytesMax: settings.memoryLimitBytes / this.options.workerCount / RING_SHARE_OF_MEMORY,
      room: () => settings.maxConnections - reactor.connections.size,
      ...(ledger === undefined ? {} : { ledger: new DescriptorLedger(ledger) }),
    };
    try {
      return await withPatience(() => RingTransport.open<Connection>(options));
    } catch (error) {
      const text = `io_uring cannot be used: ${messageOf(error)}`;
      if (settings.io === "uring") throw new MillraceError("ERR_WORKER", text, error);
      const { workerIndex } = this.options;
      log[workerIndex === 0 ? "info" : "debug"](`${text}; Bun's own sockets are`);
      return null;
    }
  }

  private async finish(): Promise<void> {
    this.reactor.stop();
    this.ring?.close();
    for (const application of this.applications) application.close();
    const { cleanUp } = this;
    this.cleanUp = undefined;
    await this.whileHearing(async () => {
      await this.logFiles.close();
      if (typeof cleanUp === "function") await (cleanUp as () => unknown)();
    });
    this.mail?.close();
  }

  private channelError(error: unknown): void {
    this.options.counters[COUNT_HANDLER_ERRORS]!++;
    this.options.log.error(`a channel's handler failed: ${messageOf(error)}`);
  }

  private holdBack(full: boolean): void {
    for (const listener of this.listeners) listener.holdBack(full);
    if (full) this.tellLimit();
  }

  /** At the limit it comes and goes with each connection, but is news only now and then. */
  private tellLimit(): void {
    const { nowMs } = this.reactor;
    if (nowMs - this.limitToldMs < LIMIT_NEWS_MS) return;
    this.limitToldMs = nowMs;
    this.options.log.warn("the connection limit is reached: not accepting for now");
  }
}

/** A worker that comes while the memory limit is met waits for room: it will have its ring for
 *  long, and the pressure is soon over. */
async function withPatience<Result>(step: () => Promise<Result>): Promise<Result> {
  for (let left = RING_TRIES; ; left--) {
    try {
      return await step();
    } catch (error) {
      const isFull = error instanceof MillraceError && error.code === "ERR_MEMORY_LIMIT";
      if (!isFull || left === 0) throw error;
      await Bun.sleep(RING_RETRY_MS);
    }
  }
}
