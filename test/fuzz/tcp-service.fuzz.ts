// Random scripts against TCP services in the simulated world: peers send frames and heartbeats in
// any cuts, read slowly, fall silent, finish and reset; handlers send, cork, pause, resume, close,
// terminate and throw, on their own connection and on the others, in and out of events.
//
//   bun test/fuzz/tcp-service.fuzz.ts --seed S --count N      (script k has the seed S + k)
//
// A connection is shown the frames of its peer in order, all of them if nobody cut it off; its peer
// gets a prefix of what the handlers sent, all of it likewise; open comes first and close last,
// each once; nobody is evicted early; and at the end nothing is held.

import { parseArgs } from "node:util";
import { silentLog } from "../../src/core/log.ts";
import { FRAMES_PER_EVENT_MAX, KIB } from "../../src/core/limits.ts";
import type { Connection } from "../../src/net/connection.ts";
import { delimiter } from "../../src/net/framing/delimiter.ts";
import { encodeFrame } from "../../src/net/framing/encode-frame.ts";
import { fixedLength } from "../../src/net/framing/fixed-length.ts";
import { FRAME_READY, type Framing } from "../../src/net/framing/framing.ts";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { line } from "../../src/net/framing/line.ts";
import { TcpApplication } from "../../src/server/tcp-application.ts";
import type { TcpConnection } from "../../src/server/tcp-connection.ts";
import { tcp, type TcpHeartbeatOptions } from "../../src/server/tcp-service.ts";
import { FakeSocket } from "../support/fake-socket.ts";
import { NetWorld } from "../support/net-world.ts";
import { Random } from "../support/random.ts";

const BEAT = "~~~~~~~~"; // eight bytes, so that it is a frame of the fixed length too
const FIXED_BYTES: number = BEAT.length;
const INTERVAL_MS = 1_000;
const MISSES = 2;
const IDLE_MS = 5_000;
const FRAMES_MAX = 200;
const PEERS_MAX = 4;

const FRAMINGS: readonly (() => Framing)[] = [
  () => lengthField({ bytes: 4 }),
  () => lengthField({ bytes: 3, offset: 2, adjustment: -5, strip: 5, endian: "little" }),
  () => lengthField({ bytes: "varint" }),
  () => line(),
  () => line({ ending: "crlf" }),
  () => delimiter({ delimiter: "=-=" }),
  () => fixedLength({ frameBytes: FIXED_BYTES }),
];

/** The first one: what a handler throws is the session's to deal with. */
let flaw: Error | null = null;

function fail(text: string): never {
  flaw ??= new Error(text);
  throw flaw;
}

/** One connection: what its peer has to say, and what must have come of it. */
class Peer {
  readonly frames: Buffer[] = [];
  readonly answers: Buffer[] = [];
  readonly stream: Buffer;
  socket!: FakeSocket<Connection>;
  connection: TcpConnection | null = null;
  position = 0;
  shown = 0;
  reason: string | null = null;
  /** The script itself ended it, or broke something on it. */
  isCut = false;
  heardMs = 0;
  usedMs = 0;

  constructor(random: Random, framing: Framing, beats: boolean) {
    const wire: Uint8Array[] = [];
    const isMany = random.oneIn(20); // more than one event may take
    const most = isMany ? FRAMES_PER_EVENT_MAX * 2 : FRAMES_MAX;
    for (let count = random.below(most); count > 0; count--) {
      const isBeat = beats && random.oneIn(8);
      const frame = isBeat ? Buffer.from(BEAT) : payload(random, framing, isMany ? 10 : 1000);
      if (!isBeat) this.frames.push(frame);
      wire.push(encodeFrame(framing, frame));
    }
    this.stream = Buffer.concat(wire);
  }
}

function payload(random: Random, framing: Framing, usual = 1000): Buffer {
  const isLarge = usual > 10 && random.oneIn(50);
  const most = isLarge ? 100 * KIB : random.pick([1, 10, usual / 10, usual]);
  const bytes = framing.name === "fixed-length" ? FIXED_BYTES : random.below(most + 1);
  return Buffer.alloc(bytes, String.fromCharCode(65 + random.below(26)) + "xyz");
}

class Script {
  private readonly random: Random;
  private readonly world: NetWorld = new NetWorld({ writeStallMs: 600_000 });
  private readonly framing: Framing;
  private readonly peers: Peer[] = [];
  private isEnding = false;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.framing = this.random.pick(FRAMINGS)();
  }

  run(steps: number): void {
    const heartbeat = this.heartbeat();
    const application = this.application(heartbeat);
    for (let count = this.random.between(1, PEERS_MAX); count > 0; count--) {
      const peer = new Peer(this.random, this.framing, heartbeat?.payload !== undefined);
      this.peers.push(peer);
      const handlers = this.world.reactor.handlers(application) as never;
      peer.socket = FakeSocket.seeded<Connection>(this.random.uint32(), handlers);
      peer.heardMs = peer.usedMs = this.world.clock.nowMs();
      peer.socket.open();
      if (peer.connection === null) fail("open was not called");
    }
    for (let step = 0; step < steps; step++) {
      this.step(this.random.pick(this.peers));
      this.world.check();
      if (flaw !== null) throw flaw;
    }
    this.end();
  }

  private heartbeat(): TcpHeartbeatOptions | undefined {
    if (this.random.oneIn(3)) return undefined;
    if (this.random.oneIn(3)) return { intervalMs: 0, idleTimeoutMs: IDLE_MS };
    const speaksFirst = this.random.pick(["peer", "us"] as const);
    const idleTimeoutMs = this.random.pick([0, IDLE_MS]);
    return { intervalMs: INTERVAL_MS, misses: MISSES, payload: BEAT, speaksFirst, idleTimeoutMs };
  }

  private application(heartbeat: TcpHeartbeatOptions | undefined): TcpApplication {
    const options = tcp({
      framing: this.framing,
      ...(heartbeat === undefined ? {} : { heartbeat }),
      open: (connection) => {
        const peer = this.peers.find((each) => each.connection === null) ?? fail("opened twice");
        peer.connection = connection;
        this.maybeAct(peer);
      },
      message: (connection, frame) => this.message(this.peerOf(connection), frame),
      drain: (connection) => this.maybeAct(this.peerOf(connection)),
      close: (connection, reason) => this.closed(this.peerOf(connection), reason),
      error: (connection) => {
        const peer = this.peerOf(connection);
        peer.isCut = true;
        connection.send("too late, or not".slice(0, FIXED_BYTES));
      },
    });
    return new TcpApplication(options, silentLog);
  }

  private peerOf(connection: TcpConnection): Peer {
    const peer = this.peers.find((each) => each.connection === connection) ?? fail("a stranger");
    if (peer.reason !== null) fail("a handler was called after close");
    return peer;
  }

  private message(peer: Peer, frame: Buffer): void {
    const expected = peer.frames[peer.shown++] ?? fail("a frame that nobody sent");
    if (!frame.equals(expected)) fail(`frame ${peer.shown} is not what was sent`);
    if (peer.connection!.isPaused) fail("a frame was shown during a pause");
    peer.usedMs = this.world.clock.nowMs();
    this.maybeAct(peer);
  }

  private closed(peer: Peer, reason: string): void {
    const { random } = this;
    peer.reason = reason;
    const nowMs = this.world.clock.nowMs();
    if (reason === "heartbeat" && nowMs < peer.heardMs + INTERVAL_MS * MISSES) fail("early");
    if (reason === "idle" && nowMs < peer.usedMs + IDLE_MS) fail("idle too early");
    if (peer.connection!.send(payload(random, this.framing))) fail("sent after close");
    peer.connection!.resume();
    if (random.oneIn(10)) throw new Error("of close");
  }

  // ---- what handlers do -----------------------------------------------------------------------

  private maybeAct(own: Peer): void {
    if (this.isEnding || !this.random.oneIn(3)) return;
    this.act(this.random.oneIn(4) ? this.random.pick(this.peers) : own, own);
  }

  private act(peer: Peer, own: Peer | null = null): void {
    const { random } = this;
    const { connection } = peer;
    if (connection === null || peer.reason !== null) return;
    const what = random.below(40);
    if (what < 20) return this.send(peer);
    if (what < 26) return connection.pause();
    if (what < 32) return connection.resume();
    if (what < 36) return this.corked(peer, connection);
    if (random.oneIn(3) && what === 36) {
      peer.isCut = true;
      return connection.close();
    }
    if (random.oneIn(3) && what === 37) {
      peer.isCut = true;
      return connection.terminate();
    }
    if (random.oneIn(6) && what === 38 && own !== null) {
      own.isCut = true;
      throw new Error("of a handler");
    }
  }

  private send(peer: Peer): void {
    const connection = peer.connection!;
    const bytes = payload(this.random, this.framing);
    if (connection.isOpen) {
      peer.answers.push(bytes);
      peer.usedMs = this.world.clock.nowMs();
    }
    connection.send(bytes);
  }

  private corked(peer: Peer, connection: TcpConnection): void {
    connection.cork(() => {
      this.send(peer);
      const other = this.random.pick(this.peers);
      if (other.connection !== null && other.reason === null) this.send(other);
      this.send(peer);
    });
  }

  // ---- what peers, the kernel and time do -----------------------------------------------------

  private step(peer: Peer): void {
    const { random } = this;
    const what = random.below(12);
    if (what < 5) this.deliver(peer, random.pick([1, 5, 100, 5_000, 200_000]));
    else if (what < 7) peer.socket.drain(random.below(random.pick([100, 100_000])));
    else if (what === 7) this.world.clock.turn();
    else if (what === 8) this.world.clock.advance(random.below(random.pick([10, 1_000, 6_000])));
    else if (what < 11) this.outside(peer);
    else if (random.oneIn(20)) {
      peer.isCut = true;
      peer.socket.peerReset();
    }
    for (const each of this.peers) each.socket.settle();
  }

  private outside(peer: Peer): void {
    this.act(peer);
  }

  private deliver(peer: Peer, most: number): void {
    const end = Math.min(peer.stream.length, peer.position + 1 + this.random.below(most));
    if (peer.position === peer.stream.length || peer.reason !== null) return;
    if (peer.connection!.isOpen) peer.heardMs = this.world.clock.nowMs();
    const bytes = peer.stream.subarray(peer.position, end);
    peer.position = end;
    peer.socket.deliver(bytes);
  }

  // ---- what must hold -------------------------------------------------------------------------

  private checkAnswers(peer: Peer, isWhole: boolean): void {
    const sent = peer.socket.sent;
    const decoder = this.framing.createDecoder();
    let count = 0;
    let position = 0;
    while (decoder.next(sent, position, sent.length) === FRAME_READY) {
      const frame = Buffer.from(sent.subarray(decoder.frameStart, decoder.frameEnd));
      position = decoder.position;
      if (frame.toString() === BEAT) continue;
      const expected = peer.answers[count++] ?? fail("an answer that nobody gave");
      if (!frame.equals(expected)) fail(`answer ${count} is not what was sent`);
    }
    if (isWhole && count !== peer.answers.length) fail("answers were lost");
    if (isWhole && position !== sent.length) fail("half an answer");
  }

  /** Every peer says the rest and FIN, and reads all; every pause ends. */
  private end(): void {
    this.isEnding = true;
    for (const peer of this.peers) {
      while (peer.position < peer.stream.length && peer.reason === null) this.deliver(peer, 1e9);
      peer.socket.peerEnd();
      for (let turns = 0; turns < 2_000 && !peer.socket.closed; turns++) {
        peer.connection!.resume();
        peer.socket.drain();
        this.world.clock.turn();
      }
      this.world.check();
    }
    for (const peer of this.peers) {
      if (peer.reason === null) fail("closed, and nobody was told");
      const isWhole = peer.reason === "peer" && !peer.isCut;
      if (!isWhole && !peer.isCut && !["heartbeat", "idle"].includes(peer.reason)) {
        fail(`ended as ${peer.reason}`);
      }
      if (isWhole && peer.shown !== peer.frames.length) fail("frames were lost");
      this.checkAnswers(peer, isWhole);
    }
    this.world.clock.advance(10_000);
    this.world.checkAtRest();
    if (flaw !== null) throw flaw;
  }
}

/** Runs one script; throws with its seed. */
export function runTcpScript(seed: number, steps = 200): void {
  flaw = null;
  try {
    new Script(seed).run(steps);
  } catch (error) {
    const command = `bun test/fuzz/tcp-service.fuzz.ts --seed ${seed} --count 1`;
    throw new Error(`${command}: ${(error as Error).message}`, { cause: error });
  }
}

if (import.meta.main) {
  const options = { seed: { type: "string" }, count: { type: "string" } } as const;
  const { values } = parseArgs({ options });
  const seed = Number(values.seed ?? Date.now() >>> 0);
  const count = Number(values.count ?? 1000);
  for (let index = 0; index < count; index++) runTcpScript(seed + index);
  console.log(`${count} scripts from seed ${seed}: all hold`);
}
