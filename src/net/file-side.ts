// Files as output of one connection, which owns it: the kernel sends them from its page cache,
// behind all that was written before. A connection has one from its first file on.
//
// Invariant: while it waits, the socket is bound to tell when it takes more.

import { assert } from "../core/assert.ts";
import { UNSENT_BYTES_MAX, UNSENT_FILE_BYTES_MAX } from "../core/limits.ts";
import type { Connection } from "./connection.ts";
import { STATE_CLOSED, STATE_OPEN } from "./connection-state.ts";
import type { RawSocket } from "./raw-socket.ts";
import { plainFd, readPiece, SEND_FULL, sendFile } from "./send-file.ts";
import { limitUnsent } from "./unsent-limit.ts";

export class FileSide {
  /** The kernel has refused some of a file, and nothing of it is queued with us. */
  waits = false;
  /** Of all files so far, by the kernel. */
  takenBytes = 0;
  private readonly connection: Connection;
  private readonly socket: RawSocket<Connection>;

  constructor(connection: Connection, socket: RawSocket<Connection>) {
    this.connection = connection;
    this.socket = socket;
  }

  /**
   * Sends up to `count` bytes of an open file, while the connection is corked. Returns how many are
   * on their way; 0 when the socket is full: drained() comes once it is not; -1 when this socket or
   * this file needs them to be read and written.
   */
  send(file: number, position: number, count: number): number {
    const { connection, socket } = this;
    const fd = plainFd(socket);
    if (fd < 0) return -1;
    assert(connection.reactor.corked === connection, "a file for a connection that is not corked");
    connection.flushCork();
    socket.flush?.();
    if (connection.state !== STATE_OPEN || this.waits || connection.pendingBytes > 0) {
      connection.wantDrained();
      return 0;
    }
    const sent = sendFile(fd, file, position, count);
    if (sent <= 0 && sent !== SEND_FULL) return -1;
    if (sent > 0) this.takenBytes += connection.taken(sent);
    if (sent < count && socket.awaitRoom?.(sent === SEND_FULL) === true) {
      this.waits = true;
      connection.onFileRefused();
      return Math.max(sent, 0);
    }
    return sent > 0 ? sent : this.sendPiece(file, position, count);
  }

  /** For a file of more than the kernel holds of other answers; narrow again after it. */
  widen(isWide: boolean): void {
    const fd = plainFd(this.socket);
    if (fd < 0 || this.connection.state === STATE_CLOSED) return;
    limitUnsent(fd, isWide ? UNSENT_FILE_BYTES_MAX : UNSENT_BYTES_MAX);
  }

  /** Only a short write makes the sockets of Bun tell when they take more. */
  private sendPiece(file: number, position: number, count: number): number {
    const { connection } = this;
    const { corkBytes } = connection.reactor;
    const read = readPiece(file, corkBytes, position, count);
    if (read <= 0) return -1;
    connection.send(corkBytes, 0, read);
    return read;
  }
}
