// What a wrong release is, found by the mark of the block. These are mistakes of the program, so
// they are thrown; nothing that a peer sends leads here.

import { PAGE_SHIFT, pageOf } from "./address.ts";
import { RECORD_CLASS } from "./arena-layout.ts";
import { BlockMarks, MARK_FREE, MARK_LEAVING, MARK_MATCH_MASK, MARK_NONE } from "./block-marks.ts";
import type { SharedMemory } from "./shared-memory.ts";
import { SPAN_LARGE, SPAN_SMALL, type SpanTable } from "./span-table.ts";

export type BlockFault =
  | "double-free" // released already
  | "foreign-free" // no block of this arena
  | "interior-free" // inside a block, not its start
  | "use-after-free" // the handle is older than the block
  | "size-mismatch" // released with another size than it was acquired with
  | "overflow" // behind the end of the block
  | "write-after-free"; // written after it was released

const TEXTS: Readonly<Record<BlockFault, string>> = {
  "double-free": "it was released already",
  "foreign-free": "it is no block of this arena",
  "interior-free": "it points inside a block, not to its start",
  "use-after-free": "the block was released since",
  "size-mismatch": "the size differs from the one it was acquired with",
  overflow: "bytes behind its end are touched",
  "write-after-free": "it was written to after its release",
};

export class BlockError extends Error {
  override name = "BlockError";
  readonly code = "ERR_BLOCK";
  readonly fault: BlockFault;
  readonly address: number;

  constructor(fault: BlockFault, verb: string, address: number) {
    super(`Cannot ${verb} block ${address}: ${TEXTS[fault]}`);
    this.fault = fault;
    this.address = address;
  }
}

/** Why an address cannot be released. Cold: called once something is known to be wrong. */
export function faultOf(memory: SharedMemory, spans: SpanTable, address: number): BlockFault {
  if (!Number.isInteger(address) || address <= 0) return "foreign-free";
  const page = pageOf(address);
  if (page >= spans.pages || address !== address >>> 0) return "foreign-free";
  const marks = new BlockMarks(memory);
  const sizeClass = memory.pageClass[page]!;
  if (sizeClass === 0) return pageFault(spans, marks, address);
  const head = spans.head(page);
  if (spans.kind(head) !== SPAN_SMALL) return "foreign-free";
  const granules = memory.layout.classes.granules[sizeClass]!;
  if ((address - (head << PAGE_SHIFT)) % granules !== 0) return "interior-free";
  const mark = marks.read(address, sizeClass <= memory.layout.classes.tinyLast);
  if (mark === MARK_NONE) return "interior-free";
  return spans.field(head, RECORD_CLASS) === sizeClass ? "double-free" : "foreign-free";
}

function pageFault(spans: SpanTable, marks: BlockMarks, address: number): BlockFault {
  const page = pageOf(address);
  const head = spanAround(spans, page);
  if (head !== 0 && spans.kind(head) === SPAN_LARGE) {
    if (address !== head << PAGE_SHIFT) return "interior-free";
    const state = marks.read(address, false) & MARK_MATCH_MASK;
    return state >= MARK_FREE && state <= MARK_LEAVING ? "double-free" : "foreign-free";
  }
  // A span that is free now: at its start a block may well have been.
  return spans.field(page, RECORD_CLASS) !== 0 || address === page << PAGE_SHIFT
    ? "double-free"
    : "foreign-free";
}

/** The first page of the span in use around a page, 0 for none. Large spans have no inner map. */
function spanAround(spans: SpanTable, page: number): number {
  let head = page;
  while (head > 0 && !spans.isInUse(head)) head--;
  return head + spans.length(head) > page ? head : 0;
}
