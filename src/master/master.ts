// The master: it makes the listening sockets, keeps a worker in every slot, reloads and stops. It
// runs no code of the user's and touches no connection, so nothing that a worker does can stop it.
//
//   start    one worker after the other loads; the first one's listeners are opened for all slots
//   reload   slot by slot: the new worker serves before the old one drains; overlapping wishes are
//            one; a worker that cannot start ends the reload, and the old one serves on
//   death    the sockets stay open, so the kernel's queue waits for the replacement
//   stop     all drain at once; what is left at the deadline is cut

import { systemClock, type Clock } from "../core/clock.ts";
import { MillraceError, messageOf } from "../core/errors.ts";
import {
  DRAIN_QUIET_RELOAD_MS,
  DRAIN_QUIET_STOP_MS,
  LAST_ACCEPT_MS,
  MAILBOXES_PER_WORKER,
} from "../core/limits.ts";
import type { Log, LogLevel } from "../core/log.ts";
import type { ServiceSource } from "../server/load-service.ts";
import type { ServerSettings } from "../server/settings.ts";
import { Exchange } from "../thread/exchange.ts";
import { StatsBoard } from "../thread/stats-board.ts";
import { Turnstile } from "../thread/turnstile.ts";
import { overrideListener, type ListenerOverride } from "./listener-override.ts";
import { LoopWatchdog } from "./loop-watchdog.ts";
import { gatherStats, type ServerStats } from "./server-stats.ts";
import { SharedArena } from "./shared-arena.ts";
import { SocketTable, type Endpoint } from "./socket-table.ts";
import { Supervisor } from "./supervisor.ts";
import { workerEntry } from "./worker-entry.ts";
import type { ListenerGrant } from "./worker-protocol.ts";
import type { ListenerSpec } from "./worker-server.ts";
import { WorkerSlot } from "./worker-slot.ts";

const WATCH_INTERVAL_MS = 1_000;
const WORKER_ENTRY: URL = workerEntry(import.meta.url);

export interface MasterOptions {
  readonly source: ServiceSource;
  readonly settings: ServerSettings;
  readonly log: Log;
  readonly logLevel: LogLevel;
  /** What the command line says about the service's main listener. */
  readonly listener?: ListenerOverride;
  /** The server was up, and now no worker can be started any more. It has been closed. */
  readonly onFailure: (error: MillraceError) => void;
  /** The worker's module, for tests. */
  readonly entry?: URL;
  readonly clock?: Clock;
}

export class Master {
  readonly settings: ServerSettings;
  private readonly options: MasterOptions;
  private readonly clock: Clock;
  private readonly startedAtMs: number;
  private readonly log: Log;
  private readonly board = new StatsBoard();
  private readonly exchange: Exchange;
  private readonly arena: SharedArena;
  private readonly sockets: SocketTable;
  private readonly supervisor: Supervisor;
  private readonly watchdog: LoopWatchdog;
  private readonly slots: readonly WorkerSlot[];
  /** What each slot's worker listens on. */
  private readonly claims: (readonly Endpoint[])[];
  private readonly delays = new Map<Timer, () => void>();
  private readonly reloads = new Turnstile();
  private nextReload: Promise<void> | null = null;
  private stopping: Promise<void> | null = null;
  private watchTimer: Timer | null = null;
  private generation = 0;

  constructor(options: MasterOptions) {
    this.options = options;
    this.settings = options.settings;
    this.log = options.log;
    this.clock = options.clock ?? systemClock;
    this.startedAtMs = this.clock.nowMs();
    const slotCount = options.settings.workers;
    const { backlog } = options.settings;
    this.exchange = new Exchange(slotCount * MAILBOXES_PER_WORKER);
    this.arena = new SharedArena(options.settings.memoryLimitBytes, slotCount, options.log);
    this.sockets = new SocketTable({ slotCount, backlog, log: options.log });
    this.supervisor = new Supervisor(this.clock, slotCount);
    this.watchdog = new LoopWatchdog(this.clock, options.log);
    this.claims = Array.from({ length: slotCount }, () => []);
    const loading = new Turnstile();
    this.slots = this.claims.map((_, index) => this.createSlot(index, loading));
  }

  /** What the service listens on, with real ports; empty before the start. */
  get endpoints(): readonly Endpoint[] {
    return this.claims[0] ?? [];
  }

  get readyCount(): number {
    return this.supervisor.readyCount;
  }

  get isStopping(): boolean {
    return this.stopping !== null;
  }

  /** Resolves when every worker serves; rejects with MillraceError, and all is closed again. */
  async start(): Promise<void> {
    try {
      // What is wrong with the first worker is wrong with all: it is said once.
      await this.keepTrying(this.slots[0]!);
      await Promise.all(this.slots.map((slot) => this.keepTrying(slot)));
    } catch (error) {
      await this.close();
      throw error;
    }
    if (this.stopping !== null) return this.stopping;
    this.watchTimer = setInterval(() => this.watch(), WATCH_INTERVAL_MS);
  }

  /** Resolves when new workers serve in all slots and the old ones accept no more. */
  reload(): Promise<void> {
    this.nextReload ??= this.reloads.pass(() => {
      this.nextReload = null;
      return this.runReload();
    });
    return this.nextReload;
  }

  /** Drains all workers; resolves when they have ended, by the deadline at the latest. */
  stop(): Promise<void> {
    this.stopping ??= this.runStop();
    return this.stopping;
  }

  /** Cuts every connection and waits for no one. */
  close(): Promise<void> {
    this.stopping ??= Promise.resolve();
    this.quiesce();
    this.sockets.closeAll();
    return Promise.all(this.slots.map((slot) => slot.close())).then(() => this.arena.close());
  }

  stats(): ServerStats {
    const lives = this.slots.flatMap((slot) => slot.lives);
    const uptimeMs = this.clock.nowMs() - this.startedAtMs;
    return gatherStats(this.board, lives, uptimeMs, this.arena.stats());
  }

  private createSlot(index: number, loading: Turnstile): WorkerSlot {
    const { source, settings, logLevel, entry } = this.options;
    return new WorkerSlot({
      index,
      loading,
      plan: () => {
        this.generation += 1;
        const { board, exchange, arena, generation } = this;
        const life = { generation, board, exchange, arena };
        return { entry: entry ?? WORKER_ENTRY, source, settings, logLevel, ...life };
      },
      grant: (specs, slot) => this.grant(specs, slot),
      onReady: (slot) => this.supervisor.becameReady(slot.index),
      onDeath: (slot, reason) => void this.respawn(slot, reason),
    });
  }

  private async grant(specs: readonly ListenerSpec[], slot: number): Promise<ListenerGrant[]> {
    const endpoints = await this.sockets.open(overrideListener(specs, this.options.listener));
    this.claims[slot] = endpoints;
    return this.sockets.grants(endpoints, slot);
  }

  /** Until a worker serves in the slot; rejects when the supervisor gives up. */
  private async keepTrying(slot: WorkerSlot): Promise<void> {
    while (this.stopping === null) {
      try {
        return await slot.fill();
      } catch (error) {
        if (this.stopping !== null) return;
        await this.delayNextAttempt(slot, toMillraceError(error));
      }
    }
  }

  private async delayNextAttempt(slot: WorkerSlot, error: MillraceError): Promise<void> {
    // Before anything has served, trying again would not mend a module or an address.
    if (this.watchTimer === null && error.code !== "ERR_WORKER") throw error;
    const verdict = this.supervisor.failedToStart(slot.index);
    if (verdict.kind === "give-up") {
      const text = `Cannot start worker ${slot.index} (${verdict.attempts} attempts)`;
      throw new MillraceError("ERR_WORKER", `${text}: ${error.message}`, error);
    }
    const again = `trying again in ${verdict.delayMs} ms`;
    this.log.error(`worker ${slot.index}: cannot start: ${error.message}; ${again}`);
    await this.delay(verdict.delayMs);
  }

  private async respawn(slot: WorkerSlot, reason: string): Promise<void> {
    const verdict = this.supervisor.died(slot.index);
    if (this.stopping !== null) return;
    const delayMs = verdict.kind === "respawn" ? verdict.delayMs : 0;
    const when = delayMs === 0 ? "at once" : `in ${delayMs} ms`;
    this.log.warn(`worker ${slot.index}: died: ${reason}; respawning ${when}`);
    try {
      await this.delay(delayMs);
      await this.keepTrying(slot);
      if (this.stopping === null) this.log.info(`worker ${slot.index}: serves again`);
    } catch (error) {
      await this.close();
      this.options.onFailure(toMillraceError(error));
    }
  }

  private async runReload(): Promise<void> {
    if (this.stopping !== null) throw this.refuseReload("it stops");
    if (this.watchTimer === null) throw this.refuseReload("it has not started yet");
    const { drainTimeoutMs } = this.settings;
    this.log.info("reload: replacing the workers one by one");
    for (const slot of this.slots) {
      const claim = this.claims[slot.index]!;
      try {
        await slot.replace(DRAIN_QUIET_RELOAD_MS, drainTimeoutMs);
      } catch (error) {
        this.claims[slot.index] = claim;
        await this.closeUnclaimed();
        const text = `Reload ended at worker ${slot.index}, the old one serves on`;
        const failure = toMillraceError(error);
        this.log.error(`${text}: ${failure.message}`);
        throw new MillraceError(failure.code, `${text}: ${failure.message}`, failure);
      }
    }
    await this.closeUnclaimed();
    this.log.info("reload: done");
  }

  private refuseReload(why: string): MillraceError {
    const error = new MillraceError("ERR_CLOSED", `Cannot reload the server: ${why}`);
    this.log.warn(error.message);
    return error;
  }

  /** After a reload the service may listen elsewhere. */
  private async closeUnclaimed(): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.detached()));
    if (this.stopping === null) this.sockets.retain(this.claims.flat());
  }

  private async runStop(): Promise<void> {
    this.quiesce();
    // Peers that are connected and whose request is on its way are let in first.
    this.sockets.acceptWithoutBytes();
    await Bun.sleep(LAST_ACCEPT_MS);
    this.sockets.stopAdmitting();
    const { drainTimeoutMs } = this.settings;
    const leaving = this.slots.map((slot) => slot.leave(DRAIN_QUIET_STOP_MS, drainTimeoutMs));
    const ended = Promise.all(leaving);
    // New connections are refused from the moment on when nobody would accept them any more.
    const detached = Promise.all(this.slots.map((slot) => slot.detached()));
    await Promise.race([detached, ended]);
    this.sockets.closeAll();
    await ended;
    this.arena.close();
  }

  private quiesce(): void {
    if (this.watchTimer !== null) clearInterval(this.watchTimer);
    for (const [timer, wake] of this.delays) {
      clearTimeout(timer);
      wake();
    }
    this.delays.clear();
  }

  private watch(): void {
    this.arena.tick();
    const serving = this.slots.map((slot) => slot.current).filter((life) => life !== null);
    this.watchdog.check(serving);
  }

  /** Ends early when the server stops. */
  private delay(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.delays.delete(timer);
      resolve();
    }, delayMs);
    this.delays.set(timer, resolve);
    return promise;
  }
}

function toMillraceError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  return new MillraceError("ERR_WORKER", messageOf(error), error);
}
