// The buffers of one arena with this thread's typed arrays over them: what every tier works on.
// Made once by the creator, and once in every worker from the handle that was posted to it.

import { GRANULE_SHIFT, MARK_CELL_BYTES } from "./address.ts";
import {
  ARENA_MAGIC,
  HEADER_MAGIC,
  arenaLayout,
  type ArenaLayout,
  type ArenaShape,
} from "./arena-layout.ts";

/** What a worker needs to join an arena. Survives structured clone; the memory is not copied. */
export interface ArenaHandle {
  readonly shape: ArenaShape;
  readonly control: SharedArrayBuffer;
  readonly marks: SharedArrayBuffer;
  readonly tinyMarks: SharedArrayBuffer;
  /** How often each block was freed: only in a checked arena, else empty. */
  readonly generations: SharedArrayBuffer;
  readonly segments: readonly SharedArrayBuffer[];
}

export class SharedMemory {
  readonly handle: ArenaHandle;
  readonly shape: ArenaShape;
  readonly layout: ArenaLayout;
  /** The control buffer. */
  readonly words: Int32Array;
  readonly pageClass: Uint8Array;
  readonly marks: Uint16Array;
  readonly tinyMarks: Uint8Array;
  readonly generations: Uint16Array;
  readonly segments: readonly Uint8Array[];

  constructor(handle: ArenaHandle) {
    const layout = arenaLayout(handle.shape);
    this.handle = handle;
    this.shape = handle.shape;
    this.layout = layout;
    this.words = new Int32Array(handle.control, 0, layout.pageClassByte >> 2);
    this.pageClass = new Uint8Array(handle.control, layout.pageClassByte);
    this.marks = new Uint16Array(handle.marks);
    this.tinyMarks = new Uint8Array(handle.tinyMarks);
    this.generations = new Uint16Array(handle.generations);
    this.segments = handle.segments.map((segment) => new Uint8Array(segment));
  }

  static reserve(shape: ArenaShape): SharedMemory {
    const layout = arenaLayout(shape);
    const cells = layout.marksBytes / 2;
    const memory = new SharedMemory({
      shape,
      control: new SharedArrayBuffer(layout.controlBytes),
      marks: new SharedArrayBuffer(layout.marksBytes),
      tinyMarks: new SharedArrayBuffer(layout.tinyMarksBytes),
      generations: new SharedArrayBuffer(shape.checked ? cells * 2 : 0),
      segments: layout.segmentBytes.map((bytes) => new SharedArrayBuffer(bytes)),
    });
    memory.words[HEADER_MAGIC] = ARENA_MAGIC;
    return memory;
  }

  segmentOf(address: number): number {
    return address >>> this.shape.segmentShift;
  }

  /** The byte offset of an address inside its segment. */
  offsetOf(address: number): number {
    return (address & ((1 << this.shape.segmentShift) - 1)) * 2 ** GRANULE_SHIFT;
  }

  view(address: number, bytes: number): Buffer {
    const segment = this.handle.segments[this.segmentOf(address)]!;
    return Buffer.from(segment as unknown as ArrayBuffer, this.offsetOf(address), bytes);
  }

  fill(address: number, bytes: number, value: number): void {
    const start = this.offsetOf(address);
    this.segments[this.segmentOf(address)]!.fill(value, start, start + bytes);
  }

  /** Bytes of bookkeeping that are reserved beside the pages. */
  get metadataBytes(): number {
    const { control, marks, tinyMarks, generations } = this.handle;
    return control.byteLength + marks.byteLength + tinyMarks.byteLength + generations.byteLength;
  }
}

export const MARK_CELL_SHIFT: number = Math.log2(MARK_CELL_BYTES) - GRANULE_SHIFT;
