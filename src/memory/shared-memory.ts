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
import { mapSegments, unmapSegments, viewMapping } from "./mapping.ts";

/** What a worker needs to join an arena. Survives structured clone; the memory is not copied. */
export interface ArenaHandle {
  readonly shape: ArenaShape;
  readonly control: SharedArrayBuffer;
  readonly marks: SharedArrayBuffer;
  readonly tinyMarks: SharedArrayBuffer;
  /** How often each block was freed: only in a checked arena, else empty. */
  readonly generations: SharedArrayBuffer;
  readonly segments: readonly SharedArrayBuffer[];
  /** Where the segments are in this process, if they are mapped and not buffers. */
  readonly mappings: readonly number[];
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

  /** A shape that asks for mapped pages gets buffers where the system maps none. */
  static reserve(wanted: ArenaShape): SharedMemory {
    const mappings = wanted.mapped ? mapSegments(arenaLayout(wanted).segmentBytes) : [];
    const shape = { ...wanted, mapped: mappings.length > 0 };
    const layout = arenaLayout(shape);
    const cells = layout.marksBytes / 2;
    const memory = new SharedMemory({
      shape,
      control: new SharedArrayBuffer(layout.controlBytes),
      marks: new SharedArrayBuffer(layout.marksBytes),
      tinyMarks: new SharedArrayBuffer(layout.tinyMarksBytes),
      generations: new SharedArrayBuffer(shape.checked ? cells * 2 : 0),
      segments: shape.mapped
        ? []
        : layout.segmentBytes.map((bytes) => new SharedArrayBuffer(bytes)),
      mappings,
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
    const segment = this.segmentOf(address);
    const offset = this.offsetOf(address);
    if (this.shape.mapped) return viewMapping(this.handle.mappings[segment]!, offset, bytes);
    const buffer = this.handle.segments[segment]!;
    return Buffer.from(buffer as unknown as ArrayBuffer, offset, bytes);
  }

  fill(address: number, bytes: number, value: number): void {
    this.view(address, bytes).fill(value);
  }

  /** Ends a mapped arena: no thread may have a view of it any more. Buffers end by themselves. */
  unmap(): void {
    unmapSegments(this.handle.mappings, this.layout.segmentBytes);
  }

  /** Bytes of bookkeeping that are reserved beside the pages. */
  get metadataBytes(): number {
    const { control, marks, tinyMarks, generations } = this.handle;
    return control.byteLength + marks.byteLength + tinyMarks.byteLength + generations.byteLength;
  }
}

export const MARK_CELL_SHIFT: number = Math.log2(MARK_CELL_BYTES) - GRANULE_SHIFT;
