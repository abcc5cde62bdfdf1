// Random scripts against the reactor and its connections in the simulated world. Peers deliver,
// read slowly, finish and reset; sessions write, cork, close and abort from within every call they
// get. The model is one rule a direction: byte i of a stream is a function of the connection and i.
//
//   bun test/fuzz/net-connection.fuzz.ts --seed S --count N      (script k has the seed S + k)
//
// After each step everything adds up; what a closed connection was sent is a prefix of what its
// session wrote, and all of it unless something cut it off. At the end nothing is held.

import { parseArgs } from "node:util";
import {
  CLOSE_IDLE,
  CLOSE_LOCAL,
  CLOSE_PEER,
  CLOSE_REASON_NAMES,
  type CloseReason,
} from "../../src/core/close-reason.ts";
import { COUNT_BYTES_OUT } from "../../src/core/counters.ts";
import { KIB, LINGER_MS, MIB } from "../../src/core/limits.ts";
import type { Connection } from "../../src/net/connection.ts";
import { STATE_CLOSED, STATE_OPEN } from "../../src/net/connection-state.ts";
import { NetWorld, type Peer } from "../support/net-world.ts";
import { Random } from "../support/random.ts";

const CONNECTIONS_MAX = 6;
const STEPS_PER_WALK = 8;
const CUT_OFF: ReadonlySet<string> = new Set(["reset", "write-stall", "output-overflow", "memory"]);
const SOURCE: Buffer = Buffer.from(new Random(7).bytes(512 * KIB));
const PERIOD = 65_521; // a prime: no class of io_buf is a multiple of it

function byteAt(key: number, index: number): number {
  return SOURCE[(key + index) % PERIOD]!;
}

/** bytes[index ..] of a stream, as one view: the source repeats itself after PERIOD. */
const RING: Buffer = Buffer.concat(Array.from({ length: 9 }, () => SOURCE.subarray(0, PERIOD)));
function streamAt(key: number, index: number, count: number): Buffer {
  const start = (key + index) % PERIOD;
  return RING.subarray(start, start + count);
}

function fail(text: string): never {
  throw new Error(text);
}

/** What a stream must look like, and how far it is. */
class Actor {
  readonly key: number;
  writtenBytes = 0;
  sentBytes = 0;
  deliveredBytes = 0;
  consumedBytes = 0;
  /** The script itself cut it off. */
  aborted = false;
  reason: CloseReason | null = null;
  peer: Peer | null = null;

  constructor(key: number) {
    this.key = key;
  }

  checkInput(bytes: Buffer, start: number, end: number): void {
    const expected = streamAt(this.key + 1, this.consumedBytes, end - start);
    if (Buffer.compare(bytes.subarray(start, end), expected) !== 0) fail("input out of order");
    if (this.consumedBytes + end - start > this.deliveredBytes) fail("input out of thin air");
  }

  checkSent(): void {
    const sent = this.peer!.socket.takeSent();
    for (let index = 0; index < sent.length; index++) {
      if (sent[index] !== byteAt(this.key, this.sentBytes + index)) {
        fail(`byte ${this.sentBytes + index} sent is not the one that was written`);
      }
    }
    this.sentBytes += sent.length;
    if (this.sentBytes > this.writtenBytes) fail("more was sent than written");
  }
}

class Script {
  private readonly random: Random;
  private readonly world: NetWorld;
  private readonly actors: Actor[] = [];
  private writesClose = false; // then what they took is not counted
  private depth = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    const memoryBytes = this.random.pick([160 * KIB, 512 * KIB, 64 * MIB]);
    const maxConnections = this.random.between(1, CONNECTIONS_MAX);
    const writeBytesMin = this.random.pick([1, 1, 100, 100 * KIB]);
    this.world = new NetWorld({ memoryBytes, maxConnections, writeStallMs: 1000, writeBytesMin });
  }

  run(steps: number): void {
    this.accept();
    for (let step = 0; step < steps; step++) {
      this.step();
      this.checkStreams();
      if (step % STEPS_PER_WALK === 0) this.world.check();
    }
    this.end();
  }

  // ---- what the world does

  private step(): void {
    const { random, world } = this;
    const actor = random.pick(this.actors);
    const { socket } = actor.peer!;
    const choice = random.below(100);
    if (choice < 30) this.deliver(actor);
    else if (choice < 50) socket.drain(random.below(random.pick([1, 100, 50_000, 200_000])));
    else if (choice < 60) this.act(actor);
    else if (choice < 70) world.clock.advance(random.below(random.pick([10, 300, 3000])));
    else if (choice < 73) world.clock.set(world.clock.nowMs() + random.below(900));
    else if (choice < 78) world.clock.turn();
    else if (choice < 90) this.accept();
    else if (choice < 93) socket.peerEnd();
    else if (choice < 95) socket.peerReset();
    else if (choice < 96) this.closeWithinWrite(actor);
    else if (choice < 98) world.pool.trim();
    else if (random.oneIn(10)) this.closeAll();
  }

  private deliver(actor: Actor): void {
    const { socket } = actor.peer!;
    if (socket.closed) return;
    const count = this.random.below(this.random.pick([2, 50, 5000, 80_000]));
    // A peer that has finished delivers nothing more; the socket ignores it, and so does the model.
    const before = actor.deliveredBytes;
    actor.deliveredBytes += count;
    const bytes = Buffer.from(streamAt(actor.key + 1, before, count));
    socket.deliver(bytes);
  }

  private accept(): void {
    const open = this.actors.filter((actor) => actor.reason === null);
    if (open.length >= CONNECTIONS_MAX) return;
    const actor = new Actor(this.random.below(PERIOD));
    const act = () => this.act(actor);
    const rarely = () => this.random.oneIn(3) && this.act(actor);
    const hooks = {
      open: (connection: Connection) => this.random.oneIn(10) && this.write(actor, connection),
      input: (connection: Connection, bytes: Buffer, start: number, end: number) =>
        this.input(actor, connection, bytes, start, end),
      drained: rarely,
      ended: act,
      timeout: rarely,
      closed: (_connection: Connection, reason: CloseReason) => this.closed(actor, reason),
    };
    const spaceBytes = this.random.below(this.random.pick([1, 1000, 300_000]));
    const closeLater = this.random.oneIn(2);
    const seed = this.random.uint32();
    actor.peer = this.world.accept(hooks, { spaceBytes, closeLater }, seed);
    this.actors.push(actor);
  }

  private closeWithinWrite(actor: Actor): void {
    const { socket } = actor.peer!;
    const write = socket.write.bind(socket);
    this.writesClose = true;
    socket.write = (bytes, offset, length) => {
      const count = write(bytes, offset, length);
      actor.aborted = true;
      socket.terminate(); // and not a reset of the peer's, before which unread bytes would come
      return count;
    };
  }

  private closeAll(): void {
    for (const actor of this.actors) actor.aborted = true;
    this.world.reactor.closeAll(CLOSE_LOCAL);
  }

  // ---- what sessions do

  private input(
    actor: Actor,
    connection: Connection,
    bytes: Buffer,
    start: number,
    end: number,
  ): number {
    actor.checkInput(bytes, start, end);
    if (this.random.oneIn(3)) this.act(actor);
    if (connection.state !== STATE_OPEN) return 0;
    const used = this.random.oneIn(3) ? this.random.below(end - start + 1) : end - start;
    actor.consumedBytes += used;
    if (used < end - start && this.random.oneIn(2)) connection.reactor.resumeLater(connection);
    return used;
  }

  private closed(actor: Actor, reason: CloseReason): void {
    if (actor.reason !== null) fail("closed twice");
    actor.reason = reason;
    if (this.actors.length > 0 && this.random.oneIn(4)) this.act(this.random.pick(this.actors));
  }

  private act(actor: Actor): void {
    const connection = actor.peer?.connection;
    if (connection === undefined || this.depth >= 4) return; // while it is being made
    this.depth++;
    const choice = this.random.below(24);
    if (choice < 8) this.write(actor, connection);
    else if (choice < 10) this.adopt(actor, connection);
    else if (choice < 14) this.corked(actor, connection);
    else if (choice < 16) connection.setDeadline(this.deadline());
    else if (choice < 17) connection.resumeInput();
    else if (choice < 18) connection.holdInput(this.random.oneIn(2));
    else if (choice < 19) connection.reactor.resumeLater(connection);
    else if (choice < 21) this.close(connection);
    else if (choice < 22) this.abort(actor, connection);
    this.depth--;
  }

  private deadline(): number {
    const { clock } = this.world;
    return this.random.oneIn(4) ? Infinity : clock.nowMs() + this.random.below(2000);
  }

  private close(connection: Connection): void {
    const reason = this.random.pick([CLOSE_LOCAL, CLOSE_PEER, CLOSE_IDLE]);
    connection.close(reason, this.random.oneIn(4));
  }

  private abort(actor: Actor, connection: Connection): void {
    actor.aborted = true;
    connection.abort(CLOSE_LOCAL);
  }

  private write(actor: Actor, connection: Connection): void {
    const count = this.random.below(this.random.pick([2, 100, 5000, 70_000, 250_000]));
    const bytes = streamAt(actor.key, actor.writtenBytes, count);
    if (connection.state === STATE_OPEN) actor.writtenBytes += count;
    connection.write(bytes, 0, count);
  }

  private adopt(actor: Actor, connection: Connection): void {
    const buf = this.world.pool.acquire(this.random.below(this.random.pick([100, 200_000])));
    if (buf === null) return;
    const count = this.random.below(buf.capacity + 1);
    buf.append(streamAt(actor.key, actor.writtenBytes, count), 0, count);
    if (connection.state === STATE_OPEN) actor.writtenBytes += count;
    connection.adopt(buf);
  }

  /** An answer made in the cork itself, with something else happening on the way. */
  private corked(actor: Actor, connection: Connection): void {
    const previous = connection.cork();
    this.write(actor, connection);
    if (this.random.oneIn(2)) this.act(this.random.pick(this.actors.concat(actor)));
    const count = this.random.below(2000);
    const at = connection.reserve(count);
    streamAt(actor.key, actor.writtenBytes, count).copy(connection.reactor.corkBytes, at);
    if (connection.state === STATE_OPEN) actor.writtenBytes += count;
    connection.commit(at + count);
    connection.uncork(previous);
  }

  // ---- what must hold

  private checkStreams(): void {
    let sentBytes = 0;
    for (const actor of this.actors) {
      actor.checkSent();
      const { socket } = actor.peer!;
      sentBytes += actor.sentBytes + (socket.closed ? 0 : socket.stagedBytes);
      const { connection } = actor.peer!;
      if ((actor.reason !== null) !== (connection.state === STATE_CLOSED)) fail("closed untold");
      if (connection.state === STATE_CLOSED && connection.hasInput) fail("input kept when closed");
      if (actor.reason === null || actor.aborted) continue;
      if (CUT_OFF.has(CLOSE_REASON_NAMES[actor.reason]!)) continue;
      if (actor.sentBytes !== actor.writtenBytes) fail("a graceful close lost bytes");
    }
    const counted = this.world.count(COUNT_BYTES_OUT);
    if (this.writesClose ? counted > sentBytes : counted !== sentBytes)
      fail(`bytes out miscounted: ${counted}, not ${sentBytes}`);
  }

  /** Every peer reads, every session closes. */
  private end(): void {
    for (const actor of this.actors) {
      const { connection, socket } = actor.peer!;
      connection.close(CLOSE_LOCAL);
      for (let turns = 0; turns < 100 && !socket.closed; turns++) socket.drain();
      this.checkStreams();
    }
    this.world.clock.advance(LINGER_MS + 2000);
    this.checkStreams();
    this.world.clock.turn();
    this.world.checkAtRest();
  }
}

/** Runs one script; throws with its seed. */
export function runNetScript(seed: number, steps = 200): void {
  try {
    new Script(seed).run(steps);
  } catch (error) {
    const command = `bun test/fuzz/net-connection.fuzz.ts --seed ${seed} --count 1`;
    throw new Error(`${command}: ${(error as Error).message}`, { cause: error });
  }
}

if (import.meta.main) {
  const options = { seed: { type: "string" }, count: { type: "string" } } as const;
  const { values } = parseArgs({ options });
  const seed = Number(values.seed ?? Date.now() >>> 0);
  const count = Number(values.count ?? 1000);
  for (let index = 0; index < count; index++) runNetScript(seed + index);
  console.log(`${count} scripts from seed ${seed}: all hold`);
}
