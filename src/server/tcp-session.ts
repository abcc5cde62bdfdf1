// One connection of a TCP service: cuts what arrives into frames and hands them to the application,
// answers heartbeats, and gives up a silent peer. Frames inside one chunk are handed over where
// they lie; only one that spans chunks is put together, by the connection, in an io_buf.
//
// Invariant: no handler is called after `close`; what one throws ends its own connection only.

import {
  CLOSE_HANDLER,
  CLOSE_HEARTBEAT,
  CLOSE_IDLE,
  CLOSE_PEER,
  CLOSE_PROTOCOL,
  CLOSE_REASON_NAMES,
  type CloseReason,
} from "../core/close-reason.ts";
import {
  COUNT_FRAMES_IN,
  COUNT_HANDLER_ERRORS,
  COUNT_HEARTBEATS_IN,
  COUNT_HEARTBEATS_OUT,
} from "../core/counters.ts";
import { MillraceError } from "../core/errors.ts";
import { FRAMES_PER_EVENT_MAX } from "../core/limits.ts";
import {
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  FRAMING_TEXTS,
} from "../net/framing/framing.ts";
import type { Connection } from "../net/connection.ts";
import { STATE_OPEN } from "../net/connection-state.ts";
import type { Session } from "../net/protocol.ts";
import { BEAT_EVICT_IDLE, BEAT_EVICT_MISSED, BEAT_SEND, Liveness } from "../timer/heartbeat.ts";
import type { TcpApplication } from "./tcp-application.ts";
import { TcpConnection } from "./tcp-connection.ts";
import { isThenable, watchFailure } from "./thenable.ts";

export class TcpSession implements Session {
  private readonly connection: Connection;
  private readonly application: TcpApplication;
  private readonly peer: TcpConnection;
  private readonly decoder: FrameDecoder;
  private readonly times: Liveness;
  private starved = false; // what is left over is no whole frame
  private isGone = false;

  constructor(connection: Connection, application: TcpApplication) {
    this.connection = connection;
    this.application = application;
    this.times = new Liveness(connection.reactor.nowMs);
    this.peer = new TcpConnection(connection, application.framing, this.times);
    this.decoder = application.framing.createDecoder();
    this.arm();
  }

  /** Not in the constructor: the handler may close the connection, which must know its session. */
  opened(): void {
    const { options } = this.application;
    this.guard(() => options.open?.(this.peer));
  }

  input(bytes: Buffer, start: number, end: number): number {
    const { connection, decoder, application } = this;
    const { counters, nowMs } = connection.reactor;
    this.times.heardMs = nowMs;
    let position = start;
    let budget = FRAMES_PER_EVENT_MAX;
    this.starved = false;
    while (connection.state === STATE_OPEN && !this.peer.isPaused && connection.writable) {
      const result = decoder.next(bytes, position, end);
      if (result === FRAME_MORE) {
        this.starved = true;
        if (position < end) this.times.activeMs = nowMs; // a large frame takes its time
        connection.expectInput(decoder.needBytes);
        break;
      }
      if (result !== FRAME_READY) {
        this.broken(decoder.error);
        break;
      }
      position = decoder.position;
      counters[COUNT_FRAMES_IN]!++;
      if (application.isBeat(bytes, decoder.frameStart, decoder.frameEnd)) this.beaten(bytes);
      else this.used(bytes);
      if (--budget === 0) {
        connection.reactor.resumeLater(connection);
        break;
      }
    }
    const isOver = connection.peerEnded && (this.starved || position === end);
    if (isOver && !this.peer.isPaused) connection.close(CLOSE_PEER);
    this.arm();
    return position - start;
  }

  private used(bytes: Buffer): void {
    this.times.activeMs = this.connection.reactor.nowMs;
    this.deliver(bytes);
  }

  private deliver(bytes: Buffer): void {
    const { frameStart, frameEnd } = this.decoder;
    const { options } = this.application;
    if (options.message === undefined) return;
    const { lentInput, lentViews } = this.connection.reactor;
    const frame =
      bytes === lentInput
        ? lentViews.of(bytes, frameStart, frameEnd)
        : bytes.subarray(frameStart, frameEnd);
    try {
      this.watch(options.message(this.peer, frame));
    } catch (error) {
      this.failed(error);
    }
  }

  /** A heartbeat came. Who speaks first is answered at once; an answer is not. */
  private beaten(bytes: Buffer): void {
    const { counters } = this.connection.reactor;
    counters[COUNT_HEARTBEATS_IN]!++;
    if (!this.application.speaks) this.sendBeat();
    if (this.application.deliversBeats) this.deliver(bytes);
  }

  private sendBeat(): void {
    this.connection.reactor.counters[COUNT_HEARTBEATS_OUT]!++;
    this.peer.writeFrame(this.application.beat);
  }

  private broken(code: number): void {
    const text = `Cannot read a frame: ${FRAMING_TEXTS[code]!}`;
    this.report(new MillraceError("ERR_FRAME", text));
    this.connection.close(CLOSE_PROTOCOL);
  }

  drained(): void {
    this.times.renew(this.connection.reactor.nowMs); // nothing was read, so nothing was heard
    const { options } = this.application;
    this.guard(() => options.drain?.(this.peer));
  }

  /** Frames that came before it are still handed over: then it is input() or resume() that ends. */
  ended(): void {
    if (this.peer.isPaused) return;
    if (this.starved || !this.connection.hasInput) this.connection.close(CLOSE_PEER);
  }

  timeout(nowMs: number): void {
    const { policy } = this.application;
    if (policy === null) return;
    if (this.peer.isPaused) this.times.renew(nowMs); // whoever is not listened to cannot be heard
    const due = policy.next(this.times, nowMs);
    if (due === BEAT_EVICT_IDLE) return this.connection.close(CLOSE_IDLE);
    if (due === BEAT_EVICT_MISSED) return this.connection.close(CLOSE_HEARTBEAT);
    if (due === BEAT_SEND) {
      this.times.beatMs = nowMs;
      this.sendBeat();
    }
    this.arm();
  }

  /** Who has paused is at work on an answer. */
  idleSinceMs(): number {
    return this.peer.isPaused ? -1 : this.times.activeMs;
  }

  closed(reason: CloseReason): void {
    this.isGone = true;
    const name = CLOSE_REASON_NAMES[reason] ?? "local";
    const { options } = this.application;
    this.guard(() => options.close?.(this.peer, name));
  }

  private arm(): void {
    const { policy } = this.application;
    if (policy !== null) this.connection.setDeadline(policy.nextMs(this.times));
  }

  private guard(work: () => unknown): void {
    try {
      this.watch(work());
    } catch (error) {
      this.failed(error);
    }
  }

  private watch(result: unknown): void {
    if (isThenable(result)) watchFailure(result, (error) => this.failed(error));
  }

  /** A handler failed: its connection ends, the worker goes on. */
  private failed(error: unknown): void {
    this.connection.reactor.counters[COUNT_HANDLER_ERRORS]!++;
    this.application.handlerError(error);
    this.report(error instanceof Error ? error : new Error(String(error)));
    this.connection.abort(CLOSE_HANDLER);
  }

  private report(error: Error): void {
    if (this.isGone) return;
    const { application } = this;
    const onSecond = (second: unknown): void => application.handlerError(second);
    try {
      watchFailure(application.options.error?.(this.peer, error), onSecond);
    } catch (second) {
      onSecond(second);
    }
  }
}
