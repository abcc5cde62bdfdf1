// Where one reply ends and the next begins, as the load generator sees it: a sans-I/O reader that
// is fed whatever arrives. HTTP is in http-reply.ts, raw TCP in raw-reply.ts.
//
//   begin(method); while (bytes) { result = read(bytes, at, end); at = position; ... }

export const REPLY_MORE = 0; // all input is consumed
export const REPLY_DONE = 1; // the next reply begins at `position`
export const REPLY_ERROR = 2; // see `error`; the connection is of no more use

export interface ReplyReader {
  /** First byte that read() did not consume. */
  position: number;
  /** Of a complete HTTP answer; 0 where there is none. */
  status: number;
  /** After REPLY_DONE: another reply may follow on this connection. */
  keepAlive: boolean;
  /** Content of the complete reply, decoded. */
  bodyBytes: number;
  /** After REPLY_ERROR: what is wrong, as a name for programs. */
  error: string;
  /** Makes ready for the reply to a request of `method` (METHOD_*). */
  begin(method: number): void;
  read(bytes: Buffer, start: number, end: number): number;
  /** The peer has ended the connection in good order: REPLY_DONE or, too early, REPLY_ERROR. */
  finish(): number;
}

export const ERROR_EARLY = "EARLY_CLOSE";
