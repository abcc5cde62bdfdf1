// What an application says about a TCP listener: how the stream is cut into frames, how silence is
// dealt with, and what to do when something happens. Checked once, when it is made.

import type { CloseReasonName } from "../core/close-reason.ts";
import { FRAME_WIRE_BYTES_MAX } from "../core/limits.ts";
import { type Framing, FRAMING_OK, FRAMING_TEXTS } from "../net/framing/framing.ts";
import { raw } from "../net/framing/raw.ts";
import { type HeartbeatOptions, HeartbeatPolicy } from "../timer/heartbeat.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import { checkTransport, type TransportOptions } from "./transport.ts";

const HANDLERS = ["open", "message", "drain", "close", "error"] as const;
const NO_BYTES: Uint8Array = new Uint8Array(0);

export interface TcpHeartbeatOptions extends HeartbeatOptions {
  /** The payload that is a heartbeat, as bytes or UTF-8. Default: an empty frame, which not every
   *  framing can carry: then it must be given. */
  readonly payload?: string | Uint8Array;
  /** Hands heartbeats to `message` as well. Default false. */
  readonly deliver?: boolean;
}

// The handlers are methods, not properties, so that a list can hold listeners with different data.
export interface TcpListenerOptions<Data = unknown> extends TransportOptions {
  /** 0 picks a free one. Default 8080. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Path of a Unix socket, instead of host and port. */
  readonly unix?: string;
  /** How frames are cut and made. Default raw(): whatever arrives. */
  readonly framing?: Framing;
  /** Without it a silent connection is kept for ever. */
  readonly heartbeat?: TcpHeartbeatOptions;
  /** A connection was accepted. Who has to wait for something first may pause() it meanwhile. */
  open?(connection: TcpConnection<Data>): unknown;
  /**
   * A frame has arrived. Its bytes are valid until the handler returns: copy what must last. The
   * Buffer itself is lent too, and comes back with other bytes: hang nothing on it. A
   * promise that is returned is not waited for; only its failure is noticed. An answer that takes
   * time is safe from the peer's FIN and from a drain between pause() and resume().
   */
  message?(connection: TcpConnection<Data>, frame: Buffer): unknown;
  /** The output has fallen below its low water mark: send() may go on. */
  drain?(connection: TcpConnection<Data>): unknown;
  /** It is gone: "peer", "idle", "heartbeat", ... No handler is called after this one. */
  close?(connection: TcpConnection<Data>, reason: CloseReasonName): unknown;
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
  for (const name of HANDLERS) {
    const handler: unknown = options[name];
    if (handler !== undefined && typeof handler !== "function") {
      throw new TypeError(`Cannot make a tcp listener: ${name} must be a function`);
    }
  }
  const framing = options.framing ?? raw();
  checkFraming(framing);
  if (options.heartbeat !== undefined) checkHeartbeat(options.heartbeat, framing);
  return { ...options, kind: "tcp" };
}

/** The bytes of a heartbeat, without what the framing puts around them. */
export function heartbeatPayload(heartbeat: TcpHeartbeatOptions | undefined): Uint8Array {
  const payload = heartbeat?.payload ?? NO_BYTES;
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}

function checkFraming(framing: Framing): void {
  if (typeof framing?.createDecoder !== "function") {
    throw new TypeError("Cannot make a tcp listener: framing must be made by line() or its like");
  }
  if (framing.name === "raw" || framing.maxWireBytes <= FRAME_WIRE_BYTES_MAX) return;
  throw new RangeError(
    `Cannot make a tcp listener with frames of ${framing.maxFrameBytes} bytes: ` +
      `with what is around it, a frame may take ${FRAME_WIRE_BYTES_MAX} bytes`,
  );
}

function checkHeartbeat(heartbeat: TcpHeartbeatOptions, framing: Framing): void {
  if (typeof heartbeat !== "object" || heartbeat === null) {
    throw new TypeError("Cannot make a tcp listener: heartbeat must be an object of options");
  }
  const beats = new HeartbeatPolicy(heartbeat).intervalMs !== 0;
  const payload = heartbeatPayload(heartbeat);
  if (!(payload instanceof Uint8Array)) {
    throw new TypeError("Cannot make a tcp listener: heartbeat.payload must be a string or bytes");
  }
  if (!beats) return;
  if (framing.name === "raw" && payload.length === 0) {
    throw new TypeError(
      "Cannot make a tcp listener with heartbeats and no framing: give it a framing, " +
        "or intervalMs: 0 and an idleTimeoutMs",
    );
  }
  const code = framing.check(payload, 0, payload.length);
  if (code === FRAMING_OK) return;
  throw new RangeError(
    `Cannot make a tcp listener with a heartbeat.payload of ${payload.length} bytes that its ` +
      `framing cannot carry: ${FRAMING_TEXTS[code]!}`,
  );
}
