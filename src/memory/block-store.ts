// Where blocks of bytes come from, as the io_buf pool sees it. An address is a granule index
// (byte offset >> 3, segment in the high bits): an int32, valid in every worker that shares the
// store, and 0 is never a block. A refused request is a 0, never an exception: the limit is met
// on the data path.

export interface BlockStore {
  /** A block of at least `bytes` bytes, or 0 when the memory limit refuses it. */
  acquire(bytes: number): number;
  /** Takes a block back. The address must have come from acquire and not been released since. */
  release(address: number): void;
  /** A fresh view over the first `bytes` bytes of a block. Costs far more than acquire: keep it. */
  view(address: number, bytes: number): Buffer;
  /** Upkeep, about once a second: what has lain unused may go back. */
  tick?(): unknown;
  /** Bytes of all blocks that are out, by their real sizes. */
  readonly bytesInUse: number;
  /** The hard limit. */
  readonly bytesMax: number;
}
