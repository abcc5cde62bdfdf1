// The one class of error that users of the library see, beside TypeError and RangeError for wrong
// arguments. `code` is stable and meant for programs, the message for people, `cause` for both.

export type ErrorCode =
  | "ERR_USAGE" // the command line or an option is wrong: exit code 2
  | "ERR_LISTEN" // an address cannot be listened on
  | "ERR_TLS" // a certificate or its key cannot be read or used
  | "ERR_MODULE" // the service module is missing, throws, or exports nothing usable
  | "ERR_WORKER" // workers cannot be started
  | "ERR_MEMORY_LIMIT" // the memory limit is reached
  | "ERR_BLOCK" // an address is freed twice, is foreign, or is not the start of a block
  | "ERR_BODY_TOO_LARGE" // a request body is larger than the limit
  | "ERR_BODY_MALFORMED" // the coding of a request body is wrong
  | "ERR_BODY_SYNTAX" // a request body is not the JSON that the handler asked for
  | "ERR_BODY_USED" // a request body is read twice
  | "ERR_BODY_UNREAD" // its trailers are asked for, and it was not read to its end
  | "ERR_BODY_ABORTED" // the peer left before its request body was complete
  | "ERR_FRAME" // a peer of a TCP service broke the framing
  | "ERR_RESPONSE_STATE" // a response is changed after it was sent
  | "ERR_CLOSED"; // the connection or the server is closed already

export class MillraceError extends Error {
  override name = "MillraceError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Where it was thrown: the frames of its stack, nearest first, without the message. */
export function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim());
}

/** The text of anything thrown, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
