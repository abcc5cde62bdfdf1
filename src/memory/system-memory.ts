// Giving pages back to the operating system. On Linux `madvise(MADV_DONTNEED)` through bun:ffi
// drops the pages of a range; they read as zeros and are committed anew when they are touched.
// Where that is not to be had the calls do nothing: an arena then reserves no more than its limit,
// so that the limit holds for the resident memory either way.

import { dlopen, ptr } from "bun:ffi";

import { PAGE_BYTES } from "./address.ts";

const MADV_DONTNEED = 4;
const LIBRARIES = ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

type Madvise = (address: number, bytes: number, advice: number) => number;

let madvise: Madvise | null | undefined;

/** Whether pages can be given back on this system. */
export function canReleasePages(): boolean {
  return loadMadvise() !== null;
}

export class SystemMemory {
  private readonly bases: readonly number[];

  /** Of segments that are buffers, or of mappings by their addresses. */
  constructor(segments: readonly Uint8Array[], mappings: readonly number[] = []) {
    const known = mappings.length > 0;
    const bases = known ? mappings : segments.map((segment) => Number(ptr(segment)));
    this.bases = loadMadvise() === null ? [] : bases;
  }

  /** True when the system took the pages back. `offset` and `bytes` are whole pages. */
  release(segment: number, offset: number, bytes: number): boolean {
    const base = this.bases[segment];
    if (base === undefined || base % (PAGE_BYTES / 2) !== 0) return false;
    return loadMadvise()!(base + offset, bytes, MADV_DONTNEED) === 0;
  }
}

function loadMadvise(): Madvise | null {
  if (madvise === undefined) madvise = process.platform === "linux" ? openMadvise() : null;
  return madvise;
}

function openMadvise(): Madvise | null {
  for (const name of LIBRARIES) {
    try {
      const library = dlopen(name, { madvise: { args: ["ptr", "usize", "i32"], returns: "i32" } });
      return library.symbols.madvise as unknown as Madvise;
    } catch {
      continue; // another C library, or none that can be opened
    }
  }
  return null;
}
