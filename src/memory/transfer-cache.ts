// The transfer cache of one class: a stack of blocks between the workers' caches and the spans, so
// that a batch passes from the worker that frees to the worker that allocates by one copy under the
// class lock. Plain functions on the shared words, all called with that lock held.
//
// Order of stores: copy, then the level of the receiver, then the level of the giver. A death in
// between leaves blocks in both, never in neither; recovery drops the second listing.

import { CLASS_TRANSFER_LOW, CLASS_TRANSFER_USED } from "./arena-layout.ts";
import { LIST_LENGTH, LIST_SLOTS, SLOT_ADDRESS_MASK } from "./arena-layout.ts";

/** Moves up to `want` blocks to the top of a worker's list. Returns how many. */
export function takeFromTransfer(
  words: Int32Array,
  base: number,
  slots: number,
  list: number,
  want: number,
): number {
  const used = words[base + CLASS_TRANSFER_USED]!;
  const count = used < want ? used : want;
  if (count === 0) return 0;
  const left = used - count;
  const length = words[list + LIST_LENGTH]!;
  const to = list + LIST_SLOTS + length;
  for (let index = 0; index < count; index++) words[to + index] = words[slots + left + index]!;
  words[list + LIST_LENGTH] = length + count;
  words[base + CLASS_TRANSFER_USED] = left;
  if (left < words[base + CLASS_TRANSFER_LOW]!) words[base + CLASS_TRANSFER_LOW] = left;
  return count;
}

/** Moves up to `count` blocks from the top of a worker's list. Returns how many had room. */
export function putIntoTransfer(
  words: Int32Array,
  base: number,
  slots: number,
  slotsMax: number,
  list: number,
  count: number,
): number {
  const used = words[base + CLASS_TRANSFER_USED]!;
  const moved = used + count > slotsMax ? slotsMax - used : count;
  if (moved <= 0) return 0;
  const length = words[list + LIST_LENGTH]! - moved;
  const from = list + LIST_SLOTS + length;
  for (let index = 0; index < moved; index++) {
    words[slots + used + index] = words[from + index]! & SLOT_ADDRESS_MASK;
  }
  words[base + CLASS_TRANSFER_USED] = used + moved;
  words[list + LIST_LENGTH] = length;
  return moved;
}
