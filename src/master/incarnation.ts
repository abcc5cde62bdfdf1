// One life of a worker, as the master follows it. It owns the thread's handle and its stats row.
//
//   loading --> loaded --> starting --> ready --> leaving --> ended
//      +-----------+-----------+----------+-------------------->+     (failed, crashed, or exit())
//
// A worker is asked to leave and ends by itself. It is terminated only past its deadline and never
// while it loads: one that hangs there is told to leave once it can hear, and is not waited for.

import { assert } from "../core/assert.ts";
import { MillraceError, type ErrorCode } from "../core/errors.ts";
import type { LogLevel } from "../core/log.ts";
import { closeOrphans, DescriptorLedger, type Orphan } from "../net/uring/descriptor-ledger.ts";
import type { ServiceSource } from "../server/load-service.ts";
import { MAX_DELAY_MS } from "../server/http-limit-options.ts";
import type { ServerSettings } from "../server/settings.ts";
import type { Exchange } from "../thread/exchange.ts";
import type { StatsBoard, StatsRow } from "../thread/stats-board.ts";
import { WorkerHandle, type WorkerExit } from "../thread/worker-handle.ts";
import type { ArenaGrant, SharedArena } from "./shared-arena.ts";
import type { FromWorker, ListenerGrant, ToWorker } from "./worker-protocol.ts";
import type { ListenerSpec } from "./worker-server.ts";

export type IncarnationState = "loading" | "loaded" | "starting" | "ready" | "leaving" | "ended";

export interface IncarnationOptions {
  readonly entry: URL;
  readonly source: ServiceSource;
  readonly settings: ServerSettings;
  readonly logLevel: LogLevel;
  readonly workerIndex: number;
  /** Counts the lives of all slots: the first has 1. */
  readonly generation: number;
  readonly board: StatsBoard;
  /** Where workers write to each other. */
  readonly exchange?: Exchange;
  /** Where workers have their buffers. */
  readonly arena?: SharedArena;
  /** For each of the two steps, loading and starting; by default what the settings say. */
  readonly readyTimeoutMs?: number;
  /** The end of a worker that was ready and that nobody asked to leave. */
  onDeath(reason: string): void;
  /** Connections that it had accepted and not seen, or been given and not taken over: open, and the
   *  callee's from now on. */
  onOrphans?(orphans: readonly Orphan[]): void;
}

/** Past the deadline that a worker got for its drain, before it is terminated. */
const TERMINATE_GRACE_MS = 1_000;

export class Incarnation {
  readonly workerIndex: number;
  readonly generation: number;
  readonly row: StatsRow;
  /** Resolves when the thread has ended, however it ended. */
  readonly ended: Promise<void>;
  /** Resolves when a leaving worker has stopped accepting, or has ended. */
  readonly detached: Promise<void>;
  private readonly options: IncarnationOptions;
  private readonly mailbox: number;
  private readonly memory: ArenaGrant | null;
  private readonly ledger: DescriptorLedger = new DescriptorLedger();
  private readonly handle: WorkerHandle<ToWorker, FromWorker>;
  private readonly loaded = Promise.withResolvers<readonly ListenerSpec[]>();
  private readonly ready = Promise.withResolvers<void>();
  private readonly end = Promise.withResolvers<void>();
  private readonly detach = Promise.withResolvers<void>();
  private phase: IncarnationState = "loading";
  private failure: MillraceError | null = null;
  private crash: string | null = null;
  private given: readonly Orphan[] = [];

  constructor(options: IncarnationOptions) {
    this.options = options;
    this.workerIndex = options.workerIndex;
    this.generation = options.generation;
    this.row = options.board.open();
    this.ended = this.end.promise;
    this.detached = this.detach.promise;
    this.loaded.promise.catch(() => undefined); // whoever asked hears it; nobody may have asked
    this.ready.promise.catch(() => undefined);
    this.handle = new WorkerHandle<ToWorker, FromWorker>({
      entry: options.entry,
      name: `worker ${options.workerIndex}`,
      onMessage: (message) => this.receive(message),
      onExit: (exit) => this.exited(exit),
    });
    const { source, settings, logLevel, workerIndex, exchange } = options;
    const counters = this.row;
    const member = (this.mailbox = exchange?.admit() ?? -1);
    const mail = member < 0 ? {} : { mail: { exchange: exchange!.handle, member } };
    this.memory = options.arena?.grant() ?? null;
    const memory = this.memory === null ? {} : { memory: this.memory };
    const ledger = this.ledger.memory;
    const init = { source, settings, logLevel, workerIndex, counters, ledger, ...mail, ...memory };
    this.handle.post({ type: "init", ...init });
  }

  get state(): IncarnationState {
    return this.phase;
  }

  /** What the service listens on; rejects with MillraceError if it cannot be loaded. */
  async load(): Promise<readonly ListenerSpec[]> {
    return this.inTime(this.loaded.promise, "loaded");
  }

  /** Resolves when it accepts connections; rejects with MillraceError. The orphans are its own from
   *  now on, and come back by onOrphans if it ends without having taken them over. */
  async start(grants: readonly ListenerGrant[], orphans: readonly Orphan[] = []): Promise<void> {
    assert(this.phase !== "loading", "a worker is started once it has loaded");
    if (this.phase === "ended") {
      this.leaveBehind(orphans);
    } else {
      this.given = orphans;
    }
    if (this.phase === "loaded") {
      this.phase = "starting";
      this.handle.post({ type: "start", grants, orphans });
    }
    return this.inTime(this.ready.promise, "ready");
  }

  /** Resolves when the thread has ended, or soon after its deadline, when it was forced to. */
  async drain(quietMs: number, timeoutMs: number): Promise<void> {
    const patienceMs = this.phase === "ready" ? timeoutMs : 0; // others have no connection
    this.leave({ type: "drain", quietMs, timeoutMs });
    await this.endWithin(patienceMs + TERMINATE_GRACE_MS);
  }

  /** The same at once: every connection is cut. */
  async close(): Promise<void> {
    this.leave({ type: "close" });
    await this.endWithin(TERMINATE_GRACE_MS);
  }

  private leave(message: ToWorker): void {
    if (this.phase === "ended") return;
    if (this.phase !== "loading") this.phase = "leaving";
    this.failure ??= new MillraceError("ERR_CLOSED", "the worker was told to leave");
    this.loaded.reject(this.failure);
    this.ready.reject(this.failure);
    this.handle.post(message);
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case "loaded":
        if (this.phase === "loading") this.phase = this.failure === null ? "loaded" : "leaving";
        return this.loaded.resolve(message.listeners);
      case "ready":
        if (this.phase === "starting") this.phase = "ready";
        return this.ready.resolve();
      case "failed":
        return this.fail(message.code, message.message);
      case "draining":
        return this.detach.resolve();
      case "crashed":
        this.crash = message.message;
    }
  }

  private fail(code: ErrorCode, message: string): void {
    this.failure ??= new MillraceError(code, message);
    this.loaded.reject(this.failure);
    this.ready.reject(this.failure);
  }

  private exited(exit: WorkerExit): void {
    const before = this.phase;
    this.phase = "ended";
    if (this.mailbox >= 0) this.options.exchange!.dismiss(this.mailbox);
    const asked = before === "leaving" || (before === "loading" && this.failure !== null);
    const clean = asked && exit.code === 0; // it may crash while it drains
    this.options.board.close(this.row, clean ? "drained" : "died");
    // Before others get its memory: the kernel knows it.
    this.leaveBehind(this.ledger.closeAll(this.given));
    if (this.memory !== null) this.options.arena!.ended(this.memory, clean);
    const reason = this.crash ?? exit.error ?? `process.exit(${exit.code})`;
    this.fail("ERR_WORKER", `worker ${this.workerIndex} ended before it was ready: ${reason}`);
    this.detach.resolve();
    this.end.resolve();
    if (before === "ready") this.options.onDeath(reason);
  }

  private leaveBehind(orphans: readonly Orphan[]): void {
    if (this.options.onOrphans === undefined) closeOrphans(orphans);
    else if (orphans.length > 0) this.options.onOrphans(orphans);
  }

  /** Rejects when the step takes too long; the worker is told to leave. */
  private async inTime<Result>(step: Promise<Result>, what: string): Promise<Result> {
    const late = Promise.withResolvers<never>();
    const { readyTimeoutMs, settings } = this.options;
    const timeoutMs = readyTimeoutMs ?? (settings.readyTimeoutMs || MAX_DELAY_MS);
    const timer = setTimeout(() => {
      this.fail("ERR_WORKER", `worker ${this.workerIndex} was not ${what} within ${timeoutMs} ms`);
      void this.close();
      late.reject(this.failure);
    }, timeoutMs);
    try {
      return await Promise.race([step, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** By itself, else by force; a thread that is stuck in a system call ends when that returns. */
  private async endWithin(timeoutMs: number): Promise<void> {
    if ((await this.endedWithin(timeoutMs)) || this.phase === "loading") return;
    this.handle.terminate();
    await this.endedWithin(TERMINATE_GRACE_MS);
  }

  private async endedWithin(timeoutMs: number): Promise<boolean> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, timeoutMs);
    await Promise.race([this.ended, late.promise]);
    clearTimeout(timer);
    return !this.handle.isAlive;
  }
}
