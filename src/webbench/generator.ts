// One load process: its clients, what they share, and the phases of the run. It knows neither pipes
// nor JSON: load-process.ts feeds it a share of the plan and carries away what it counts.
//
//   warm-up --> measuring --> grace (nothing new, outstanding answers are awaited) --> over
//
// Closed loop: a client sends as soon as it has room. Open loop: the pacer says when.

import { assert } from "../core/assert.ts";
import { ArrivalPlan } from "./arrival-plan.ts";
import {
  Client,
  CLIENT_CONNECTING,
  CLIENT_CLOSING,
  CLIENT_DOWN,
  type ClientHost,
} from "./client.ts";
import { ClientQueue } from "./client-queue.ts";
import { Dialer } from "./dialer.ts";
import { LatencyBuckets } from "./latency-buckets.ts";
import type { LoadShare } from "./load-plan.ts";
import { Pacer } from "./pacer.ts";
import { randomSource } from "./random-source.ts";
import { newReplyReader, RepeatedReply } from "./reply-format.ts";
import type { ReplyReader } from "./reply-reader.ts";
import { levelAt } from "./stage-level.ts";
import { statusTable } from "./status-table.ts";
import { COUNT_UNSENT, Tally } from "./tally.ts";
import { WeightedChoice } from "./weighted-choice.ts";

const HOUSEKEEPING_MS = 5;
const BATCH_BYTES_MAX: number = 1 << 20;
const SWEEPS_PER_TIMEOUT = 20;

export const PHASE_WARM_UP = 0;
export const PHASE_MEASURING = 1;
export const PHASE_GRACE = 2;
export const PHASE_OVER = 3;

export interface GeneratorEvents {
  /** A phase has begun: what was counted until now belongs to the one before. */
  onPhase(phase: number): void;
  onBug(error: unknown): void;
}

export class Generator implements ClientHost {
  readonly tally: Tally = new Tally();
  readonly total: LatencyBuckets = new LatencyBuckets();
  readonly firstByte: LatencyBuckets = new LatencyBuckets();
  readonly connect: LatencyBuckets = new LatencyBuckets();
  readonly service: LatencyBuckets | null;
  readonly lateness: LatencyBuckets = new LatencyBuckets();
  readonly depth: number;
  readonly perRequest: boolean;
  readonly awaitsReply: boolean;
  readonly halfCloses: boolean;
  readonly baseMs: Float64Array;
  readonly sentMs: Float64Array;
  readonly choice: Uint16Array;
  readonly requestBytes: readonly Buffer[];
  readonly methods: readonly number[];
  readonly batch: Buffer | null;
  readonly repeated: RepeatedReply | null;
  readonly success: Uint8Array;
  phase: number = PHASE_WARM_UP;
  /** Age of the oldest request that the end cut off. */
  oldestCutOffMs = 0;

  private readonly plan: LoadShare;
  private readonly events: GeneratorEvents;
  private readonly clients: Client[];
  private readonly dialer: Dialer;
  private readonly pacer: Pacer | null;
  private readonly originChoice: WeightedChoice;
  private readonly requestChoices: readonly (RequestChoice | null)[]; // by origin
  private readonly readers: ReplyReader[] = [];
  private startMs = 0;
  private phaseEndMs = 0;
  private credit = Infinity; // requests that may still be issued
  private active = 0; // clients below it take part
  private nextSweepMs = 0;
  private timer: Timer | null = null;

  constructor(plan: LoadShare, events: GeneratorEvents) {
    this.plan = plan;
    this.events = events;
    this.perRequest = plan.perRequest;
    this.awaitsReply = plan.reply.kind !== "none";
    this.halfCloses = plan.reply.kind === "http09";
    this.requestBytes = plan.requests.map(({ bytes }) => Buffer.from(bytes, "base64"));
    this.methods = plan.requests.map(({ method }) => method);
    this.depth = plan.perRequest ? 1 : plan.pipeline;
    this.batch = batchOf(this.requestBytes, this.depth);
    this.repeated = new Set(this.methods).size === 1 ? new RepeatedReply() : null;
    this.success = statusTable(plan.success);
    this.service = plan.open === null ? null : new LatencyBuckets();
    const slots = plan.clients * this.depth;
    this.baseMs = new Float64Array(slots);
    this.sentMs = new Float64Array(slots);
    this.choice = new Uint16Array(this.batch === null ? slots : 0);
    this.requestChoices = plan.origins.map((_, origin) => requestChoiceOf(plan, origin));
    this.originChoice = new WeightedChoice(originWeights(plan));
    this.clients = Array.from({ length: plan.clients }, (_, index) => {
      return new Client(this, index, this.originChoice.next());
    });
    this.dialer = new Dialer({
      origins: plan.origins,
      connectionsPerSecond: plan.connectionsPerSecond,
      onBug: events.onBug,
      onRested: (client) => this.ready(client, performance.now()),
    });
    this.pacer = plan.open === null ? null : this.newPacer();
  }

  get openConnections(): number {
    return this.clients.reduce((sum, { state }) => sum + (state > CLIENT_CONNECTING ? 1 : 0), 0);
  }

  start(): void {
    this.startMs = performance.now();
    this.enter(this.plan.warmUpMs > 0 ? PHASE_WARM_UP : PHASE_MEASURING, this.startMs);
    this.timer = setInterval(() => this.tick(), HOUSEKEEPING_MS);
    this.raiseClients();
    this.pacer?.start(this.startMs);
  }

  /** Ends the measuring now, with what was counted so far. */
  stop(): void {
    if (this.phase < PHASE_GRACE) this.endMeasuring(performance.now());
    if (this.phase < PHASE_OVER) this.finish(performance.now());
  }

  // ClientHost

  choose(origin: number): number {
    return this.requestChoices[origin]!.next();
  }

  dial(client: Client): void {
    this.dialer.dial(client);
  }

  backOff(client: Client): void {
    this.dialer.rest(client);
  }

  takeReader(): ReplyReader {
    return this.readers.pop() ?? newReplyReader(this.plan.reply);
  }

  giveReader(reader: ReplyReader): void {
    this.readers.push(reader);
  }

  returned(count: number): void {
    this.credit += count;
  }

  ready(client: Client, nowMs: number): void {
    if (this.phase >= PHASE_GRACE || client.isBackingOff) return;
    // On a busy machine the timer that ends the measuring comes seconds late; requests do not.
    if (nowMs >= this.phaseEndMs && this.phase === PHASE_MEASURING) return;
    if (client.index >= this.active) {
      if (client.outstanding === 0) client.retire(nowMs);
      return;
    }
    if (this.pacer !== null) return this.readyForPacer(client, nowMs);
    const room = client.room;
    const count = room < this.credit ? room : this.credit;
    if (count <= 0) return;
    this.credit -= count;
    client.issue(count, nowMs, nowMs);
  }

  private readyForPacer(client: Client, nowMs: number): void {
    // A kept connection is there before it is needed; one per request is part of the request.
    if (client.state === CLIENT_DOWN && !this.perRequest) return client.dial(nowMs);
    this.pacer!.serve(client, nowMs);
  }

  private newPacer(): Pacer {
    const { plan } = this;
    const { poisson, seed } = plan.open!;
    const warmUp = { ms: plan.warmUpMs, to: plan.startAt };
    const arrivals = new ArrivalPlan({
      startAt: plan.startAt,
      stages: plan.warmUpMs > 0 ? [warmUp, ...plan.stages] : plan.stages,
      phase: plan.index / plan.processes,
      random: poisson ? randomSource(seed + plan.index) : null,
    });
    const idle = new ClientQueue(plan.clients);
    const take = (): boolean => this.phase < PHASE_GRACE && this.credit > 0 && this.credit-- > 0;
    return new Pacer({ arrivals, idle, lateness: this.lateness, take });
  }

  private enter(phase: number, nowMs: number): void {
    const { plan } = this;
    if (phase === PHASE_MEASURING && plan.count > 0) this.credit = plan.count;
    const lengths = [plan.warmUpMs, plan.durationMs, plan.graceMs, Infinity];
    this.phaseEndMs = nowMs + lengths[phase]!;
    this.phase = phase;
    this.events.onPhase(phase);
  }

  private tick(): void {
    const nowMs = performance.now();
    if (this.phase === PHASE_WARM_UP && nowMs >= this.phaseEndMs) this.endWarmUp(nowMs);
    if (this.phase === PHASE_MEASURING && this.isMeasured(nowMs)) this.endMeasuring(nowMs);
    if (this.phase === PHASE_GRACE && this.isGraceOver(nowMs)) return this.finish(nowMs);
    if (this.phase >= PHASE_GRACE) return this.sweep(nowMs);
    this.raiseClients();
    this.dialer.tick(nowMs);
    this.sweep(nowMs);
  }

  // A count is exact only if nothing of the warm-up is under way when it begins.
  private endWarmUp(nowMs: number): void {
    if (this.plan.count === 0) return this.enter(PHASE_MEASURING, nowMs);
    this.credit = 0;
    if (this.outstanding() > 0) return;
    this.pacer?.countOverdue(nowMs);
    this.enter(PHASE_MEASURING, nowMs);
    for (const client of this.clients) this.ready(client, nowMs);
  }

  private isMeasured(nowMs: number): boolean {
    return nowMs >= this.phaseEndMs || (this.credit === 0 && this.outstanding() === 0);
  }

  private isGraceOver(nowMs: number): boolean {
    return nowMs >= this.phaseEndMs || this.outstanding() === 0;
  }

  private outstanding(): number {
    return this.clients.reduce((sum, client) => sum + client.outstanding, 0);
  }

  private endMeasuring(nowMs: number): void {
    if (this.pacer !== null && this.credit > 0) {
      this.tally.row[COUNT_UNSENT]! += this.pacer.countOverdue(Math.min(nowMs, this.phaseEndMs));
    }
    this.pacer?.stop();
    this.enter(PHASE_GRACE, nowMs);
  }

  private finish(nowMs: number): void {
    for (const client of this.clients) {
      this.oldestCutOffMs = Math.max(this.oldestCutOffMs, client.oldestAgeMs(nowMs));
      client.cutOff();
    }
    if (this.timer !== null) clearInterval(this.timer);
    this.enter(PHASE_OVER, nowMs);
    // Only now: to close 5,000 connections takes longer than many a run.
    for (const client of this.clients) client.leave();
  }

  /** As many clients take part as the stages say; who is too many leaves when it is idle. */
  private raiseClients(): void {
    const { plan, clients } = this;
    const nowMs = performance.now();
    const elapsedMs = Math.max(0, nowMs - this.startMs - plan.warmUpMs);
    const level =
      plan.open === null ? Math.round(levelAt(plan.startAt, plan.stages, elapsedMs)) : plan.clients;
    const before = this.active;
    this.active = Math.min(level, clients.length);
    for (let index = before; index < this.active; index++) this.ready(clients[index]!, nowMs);
    // Busy ones find out in ready(), when their answer has come.
    for (let index = this.active; index < before; index++) this.ready(clients[index]!, nowMs);
  }

  private sweep(nowMs: number): void {
    if (nowMs < this.nextSweepMs) return;
    const { timeoutMs, connectTimeoutMs } = this.plan;
    const shortest = Math.min(timeoutMs, connectTimeoutMs);
    this.nextSweepMs = nowMs + shortest / SWEEPS_PER_TIMEOUT;
    for (const client of this.clients) {
      if (client.state === CLIENT_CONNECTING) {
        if (nowMs - client.sinceMs >= connectTimeoutMs) this.replace(client, nowMs);
      } else if (nowMs - client.oldestSentMs >= timeoutMs) {
        client.timeOut(nowMs);
      } else if (client.state === CLIENT_CLOSING && nowMs - client.sinceMs >= timeoutMs) {
        client.timeOut(nowMs);
      }
    }
  }

  // The runtime cannot call off an attempt to connect: it is left to itself.
  private replace(client: Client, nowMs: number): void {
    client.abandon();
    const successor = new Client(this, client.index, client.origin);
    this.clients[client.index] = successor;
    this.ready(successor, nowMs);
  }
}

interface RequestChoice {
  next(): number;
}

/** Chooses among the requests of one origin; null if it has none. */
function requestChoiceOf(plan: LoadShare, origin: number): RequestChoice | null {
  const indices = plan.requests.flatMap((request, index) =>
    request.origin === origin ? [index] : [],
  );
  if (indices.length === 0) return null;
  const choice = new WeightedChoice(indices.map((index) => plan.requests[index]!.weight));
  return { next: () => indices[choice.next()]! };
}

function originWeights(plan: LoadShare): number[] {
  const weights = plan.origins.map((_, origin) =>
    plan.requests.reduce((sum, each) => sum + (each.origin === origin ? each.weight : 0), 0),
  );
  assert(weights.length > 0, "a plan without an origin");
  return weights;
}

function batchOf(requests: readonly Buffer[], depth: number): Buffer | null {
  if (requests.length !== 1) return null;
  const bytes = requests[0]!;
  if (depth > 1 && bytes.length * depth > BATCH_BYTES_MAX) return null;
  return depth === 1 ? bytes : Buffer.concat(new Array<Buffer>(depth).fill(bytes));
}
