// What one tcp listener is, in one worker: the checked options, and what all its sessions share.

import type { Log } from "../core/log.ts";
import type { Framing } from "../net/framing/framing.ts";
import { raw } from "../net/framing/raw.ts";
import type { Connection } from "../net/connection.ts";
import type { Protocol, Session } from "../net/protocol.ts";
import { HeartbeatPolicy } from "../timer/heartbeat.ts";
import { FailureLog } from "./failure-log.ts";
import { heartbeatPayload, type TcpListenerOptions } from "./tcp-service.ts";
import { TcpSession } from "./tcp-session.ts";

export class TcpApplication implements Protocol {
  readonly options: TcpListenerOptions;
  readonly framing: Framing;
  readonly policy: HeartbeatPolicy | null;
  /** The payload of a heartbeat. */
  readonly beat: Uint8Array;
  readonly deliversBeats: boolean;
  /** We send the first heartbeat, so what comes are answers. */
  readonly speaks: boolean;
  private readonly beats: boolean;
  private readonly failures: FailureLog;

  constructor(options: TcpListenerOptions, log: Log) {
    const { heartbeat } = options;
    this.options = options;
    this.failures = new FailureLog(log);
    this.framing = options.framing ?? raw();
    this.policy = heartbeat === undefined ? null : new HeartbeatPolicy(heartbeat);
    this.beat = heartbeatPayload(heartbeat);
    this.deliversBeats = heartbeat?.deliver ?? false;
    this.speaks = this.policy?.speaks ?? false;
    this.beats = this.policy !== null && this.policy.intervalMs > 0;
  }

  open(connection: Connection): Session {
    return new TcpSession(connection, this);
  }

  /** Whether a frame is a heartbeat. */
  isBeat(bytes: Uint8Array, start: number, end: number): boolean {
    const { beat } = this;
    if (!this.beats || end - start !== beat.length) return false;
    for (let index = 0; index < beat.length; index++) {
      if (beat[index] !== bytes[start + index]) return false;
    }
    return true;
  }

  handlerError(error: unknown): void {
    this.failures.tell(error);
  }

  close(): void {
    this.failures.close();
  }
}
