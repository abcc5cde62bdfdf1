// What a framing is: how a byte stream is cut into frames, both ways. Sans-I/O: a decoder is given
// bytes and answers with positions in them, an encoder names the bytes around a payload.
//
//   wire:  | head | payload, at most maxFrameBytes | tail |
//
// A Framing is made once per listener from checked options and is immutable; a decoder belongs to
// one connection. What a peer sends wrong is never thrown: it is FRAME_ERROR and a code, and the
// stream cannot be continued after it.

/** The bytes do not hold a whole frame: keep them, and come again with more behind them. */
export const FRAME_MORE = 0;
/** frameStart, frameEnd and position are set. */
export const FRAME_READY = 1;
/** `error` is set, and stays. */
export const FRAME_ERROR = 2;

/** Sendable, or nothing wrong yet. */
export const FRAMING_OK = 0;
/** The frame is longer than maxFrameBytes, or will be. */
export const FRAMING_TOO_LONG = 1;
/** The length field cannot be meant: it ends before its own header, or is no varint. */
export const FRAMING_BAD_LENGTH = 2;
/** Only when sending: the payload contains the delimiter, so it would arrive as two frames. */
export const FRAMING_HOLDS_DELIMITER = 3;
/** Only when sending: the payload is not as long as every frame has to be. */
export const FRAMING_WRONG_LENGTH = 4;

/** For logs and for the error that send() throws; index is a FRAMING_ code. */
export const FRAMING_TEXTS: readonly string[] = [
  "it is valid",
  "it is longer than maxFrameBytes",
  "its length field is invalid",
  "it contains the delimiter",
  "it does not have the fixed length",
];

export interface FrameDecoder {
  /** After FRAME_READY: the frame is bytes[frameStart .. frameEnd), without head and tail. */
  frameStart: number;
  frameEnd: number;
  /** After FRAME_READY: where the next frame begins. */
  position: number;
  /** After FRAME_MORE: bytes from `start` before which coming again is useless; a lower bound. */
  needBytes: number;
  /** After FRAME_ERROR: a FRAMING_ code. */
  error: number;
  /**
   * Looks for one frame in bytes[start .. end). After FRAME_MORE the next call must be given the
   * same bytes and more behind them, in whatever buffer; none of them is examined twice.
   */
  next(bytes: Uint8Array, start: number, end: number): number;
}

export interface Framing {
  readonly name: string;
  /** The most bytes between frameStart and frameEnd. */
  readonly maxFrameBytes: number;
  /** The most bytes of a frame on the wire: what a buffer must hold to assemble any frame. */
  readonly maxWireBytes: number;
  /** The most bytes that encodeHead writes. */
  readonly headBytesMax: number;
  /** Payload bytes at the front which encodeHead has written already; mostly 0. */
  readonly headTakesBytes: number;
  /** What follows each payload; mostly empty. Not to be changed. */
  readonly tail: Uint8Array;
  createDecoder(): FrameDecoder;
  /** Whether bytes[start .. end) can be sent as one frame: FRAMING_OK or why not. */
  check(bytes: Uint8Array, start: number, end: number): number;
  /** Writes what precedes a payload that check() found sendable; returns the position after it. */
  encodeHead(target: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number;
}

export const NO_TAIL: Uint8Array = new Uint8Array(0);
