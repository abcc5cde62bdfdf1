// What an application says about a TCP listener: how the stream is cut into frames, how silence is
// dealt with, and what to do when something happens. Checked once, when it is made.

import { IO_BUF_CLASS_BYTES } from "../core/limits.ts";
import type { Framing } from "../net/framing/framing.ts";
import { raw } from "../net/framing/raw.ts";
import { type HeartbeatOptions, HeartbeatPolicy } from "../timer/heartbeat.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import { checkTransport, type TransportOptions } from "./transport.ts";

/** A frame that spans chunks is put together in one io_buf. */
const IO_BUF_BYTES_MAX: number = IO_BUF_CLASS_BYTES[IO_BUF_CLASS_BYTES.length - 1]!;

export interface TcpHeartbeatOptions extends HeartbeatOptions {
  /** The payload that is a heartbeat, as bytes or UTF-8. Default: an empty frame. */
  readonly payload?: string | Uint8Array;
  /** Hands heartbeats to `message` as well. Default false. */
  readonly deliver?: boolean;
}

// The handlers are methods, not properties, so that a list can hold listeners with different data.
export interface TcpListenerOptions<Data = unknown> extends TransportOptions {
  /** 0 picks a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Path of a Unix socket, instead of host and port. */
  readonly unix?: string;
  /** How frames are cut and made. Default raw(): whatever arrives. */
  readonly framing?: Framing;
  /** Without it a silent connection is kept for ever. */
  readonly heartbeat?: TcpHeartbeatOptions;
  /** A connection was accepted. */
  open?(connection: TcpConnection<Data>): unknown;
  /**
   * A frame has arrived. Its bytes are valid until the handler returns: copy what must last. A
   * promise that is returned is not waited for; only its failure is noticed.
   */
  message?(connection: TcpConnection<Data>, frame: Buffer): unknown;
  /** The output has fallen below its low water mark: send() may go on. */
  drain?(connection: TcpConnection<Data>): unknown;
  /** It is gone. `reason` is a name of CLOSE_REASON_NAMES: "peer", "idle", "heartbeat", ... */
  close?(connection: TcpConnection<Data>, reason: string): unknown;
  /** A handler failed, or the peer broke the framing; the connection is closed after it. */
  error?(connection: TcpConnection<Data>, error: Error): unknown;
}

export interface TcpListener<Data = unknown> extends TcpListenerOptions<Data> {
  readonly kind: "tcp";
}

/**
 * A TCP listener. Throws a RangeError or TypeError that names the option.
 *
 * @example
 * tcp({
 *   port: 9000,
 *   framing: lengthField({ bytes: 4, maxFrameBytes: 1 << 20 }),
 *   heartbeat: { intervalMs: 30_000, misses: 3 },
 *   message: (connection, frame) => connection.send(frame),
 * })
 */
export function tcp<Data = unknown>(options: TcpListenerOptions<Data>): TcpListener<Data> {
  checkTransport("tcp", options);
  const framing = options.framing ?? raw();
  if (framing.name !== "raw" && framing.maxWireBytes > IO_BUF_BYTES_MAX) {
    throw new RangeError(
      `Cannot make a tcp listener with frames of ${framing.maxFrameBytes} bytes: ` +
        `with what is around it, a frame may take ${IO_BUF_BYTES_MAX} bytes`,
    );
  }
  const { heartbeat } = options;
  if (heartbeat !== undefined) {
    new HeartbeatPolicy(heartbeat);
    const beats = heartbeat.intervalMs !== 0;
    if (beats && framing.name === "raw" && heartbeat.payload === undefined) {
      throw new TypeError(
        "Cannot make a tcp listener with heartbeats and no framing: give it a framing, " +
          "or intervalMs: 0 and an idleTimeoutMs",
      );
    }
  }
  return { ...options, kind: "tcp" };
}
