// One place for a worker: the life that serves now, the one that is to follow it, and those that
// still drain. Lives come and go; at most one at a time is being brought up, and the serving one is
// never let go before the next one is ready. Owned by the master, which decides what happens when.

import { assert } from "../core/assert.ts";
import { MillraceError } from "../core/errors.ts";
import { closeOrphans, type Orphan } from "../net/uring/descriptor-ledger.ts";
import { Turnstile } from "../thread/turnstile.ts";
import { Incarnation, type IncarnationOptions } from "./incarnation.ts";
import type { ListenerGrant } from "./worker-protocol.ts";
import type { ListenerSpec } from "./worker-server.ts";

/** The next worker is spawned when this one has loaded, or after so long if it takes its time. */
const SPAWN_STAGGER_MAX_MS = 250;

/** Lives of one slot that may drain side by side; a reload waits while there are more. */
const RETIRING_MAX = 2;

export interface WorkerSlotOptions {
  readonly index: number;
  /** The next life, all but what happens when it dies. */
  plan(): Omit<IncarnationOptions, "onDeath" | "onOrphans" | "workerIndex">;
  /** From what a service wants to listen on to what this slot gets. */
  grant(specs: readonly ListenerSpec[], slot: number): Promise<readonly ListenerGrant[]>;
  /** Shared by all slots: workers are spawned one after the other. */
  readonly loading: Turnstile;
  /** A worker serves now. */
  onReady(slot: WorkerSlot): void;
  /** The serving worker ended although nobody asked it to; `current` is null now. */
  onDeath(slot: WorkerSlot, reason: string): void;
}

export class WorkerSlot {
  readonly index: number;
  private readonly options: WorkerSlotOptions;
  private readonly bringingUp = new Turnstile();
  private readonly retiring = new Set<Incarnation>();
  private orphans: readonly Orphan[] = [];
  private closed = false;
  private serving: Incarnation | null = null;
  private coming: Incarnation | null = null;

  constructor(options: WorkerSlotOptions) {
    this.index = options.index;
    this.options = options;
  }

  /** The worker that accepts connections, if there is one. */
  get current(): Incarnation | null {
    return this.serving;
  }

  /** Every life that has not ended, the serving one first. */
  get lives(): Incarnation[] {
    const known = [this.serving, this.coming, ...this.retiring];
    return known.filter((life) => life !== null);
  }

  /** Does nothing if the slot is served; rejects with MillraceError. */
  fill(): Promise<void> {
    return this.bringingUp.pass(async () => {
      if (this.serving === null) await this.bringUp();
    });
  }

  /** Resolves when the new worker serves; the old one drains from then on. Rejects with
      MillraceError, and then the old one serves on. */
  replace(quietMs: number, timeoutMs: number): Promise<void> {
    return this.bringingUp.pass(async () => {
      await this.waitForRetiring();
      await this.bringUp(() => this.retire(quietMs, timeoutMs));
    });
  }

  /** Sends every life away, for good; resolves when all have ended. */
  async leave(quietMs: number, timeoutMs: number): Promise<void> {
    this.closed = true;
    this.dropOrphans();
    const lives = this.lives;
    this.serving = null;
    for (const life of lives) this.track(life);
    await Promise.all(lives.map((life) => life.drain(quietMs, timeoutMs)));
  }

  async close(): Promise<void> {
    this.closed = true;
    this.dropOrphans();
    const lives = this.lives;
    this.serving = null;
    await Promise.all(lives.map((life) => life.close()));
  }

  /** Resolves when the lives that drain now have stopped accepting. */
  async detached(): Promise<void> {
    await Promise.all([...this.retiring].map((life) => life.detached));
  }

  /** Resolves when none drains any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.retiring].map((life) => life.ended));
  }

  private async bringUp(beforeServing?: () => void): Promise<void> {
    const life = await this.options.loading.pass(async () => {
      if (this.closed) throw new MillraceError("ERR_CLOSED", "the server stops");
      const next = new Incarnation({
        ...this.options.plan(),
        workerIndex: this.index,
        onDeath: (reason) => this.died(next, reason),
        onOrphans: (orphans) => this.keepOrphans(orphans),
      });
      this.coming = next;
      await settledWithin(next.load(), SPAWN_STAGGER_MAX_MS);
      return next;
    });
    const start = async () => {
      const grants = await this.options.grant(await life.load(), this.index);
      const { orphans } = this;
      this.orphans = [];
      await life.start(grants, orphans);
      if (life.state !== "ready") throw new MillraceError("ERR_WORKER", "it ended at once");
    };
    await this.ifItFails(life, start());
    this.coming = null;
    beforeServing?.();
    this.serving = life;
    this.dropOrphans(); // of one that took its time to end: nobody will ask for them now
    this.options.onReady(this);
  }

  /** A life that failed to come up must go, not linger beside the others. */
  private async ifItFails(life: Incarnation, step: Promise<unknown>): Promise<void> {
    try {
      await step;
    } catch (error) {
      this.coming = null;
      this.track(life);
      void life.close();
      throw error;
    }
  }

  private dropOrphans(): void {
    closeOrphans(this.orphans);
    this.orphans = [];
  }

  /** The next life serves them, as it serves those that wait in the queue of the kernel. While one
   *  serves there is none to wait for. */
  private keepOrphans(orphans: readonly Orphan[]): void {
    if (this.closed || this.serving?.state === "ready") closeOrphans(orphans);
    else this.orphans = [...this.orphans, ...orphans];
  }

  private retire(quietMs: number, timeoutMs: number): void {
    const old = this.serving;
    if (old === null) return;
    this.serving = null;
    this.track(old);
    void old.drain(quietMs, timeoutMs);
  }

  private track(life: Incarnation): void {
    this.retiring.add(life);
    void life.ended.then(() => this.retiring.delete(life));
  }

  private async waitForRetiring(): Promise<void> {
    while (this.retiring.size >= RETIRING_MAX) {
      await Promise.race([...this.retiring].map((life) => life.ended));
    }
  }

  private died(life: Incarnation, reason: string): void {
    if (this.serving !== life) return;
    assert(life.state === "ended", "a dead worker has ended");
    this.serving = null;
    this.options.onDeath(this, reason);
  }
}

async function settledWithin(step: Promise<unknown>, timeoutMs: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, timeoutMs);
  await Promise.race([step.catch(() => undefined), late.promise]);
  clearTimeout(timer);
}
