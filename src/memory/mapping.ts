// Pages from the operating system that the collector does not know of. Every thread of the process
// sees them at the same address, which is all that a worker needs to be told. Linux only: elsewhere
// mapSegments gives an empty list and the arena uses buffers.

import { dlopen, type Pointer, toArrayBuffer } from "bun:ffi";
import { assert } from "../core/assert.ts";

const PROT_READ_WRITE = 0x1 | 0x2;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x2 | 0x20 | 0x4000;
const ADDRESS_LIMIT: number = 2 ** 47; // of user space; what is not below it is an error number
const LIBRARIES = ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

interface Mapper {
  mmap(
    at: null,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    from: number,
  ): number;
  munmap(address: number, bytes: number): number;
}

let mapper: Mapper | null | undefined;

/** Reserves memory of these sizes, committed by use; an empty list where that cannot be. */
export function mapSegments(sizes: readonly number[]): number[] {
  mapper ??= process.platform === "linux" ? openMapper() : null;
  if (mapper === null) return [];
  const addresses: number[] = [];
  for (const bytes of sizes) {
    const flags = MAP_PRIVATE_ANONYMOUS_NORESERVE;
    const address = Number(mapper.mmap(null, bytes, PROT_READ_WRITE, flags, -1, 0));
    if (!(address > 0 && address < ADDRESS_LIMIT)) {
      unmapSegments(addresses, sizes);
      return [];
    }
    addresses.push(address);
  }
  return addresses;
}

/** Gives them back. A view of them that is used after this crashes the process. */
export function unmapSegments(addresses: readonly number[], sizes: readonly number[]): void {
  addresses.forEach((address, index) => {
    assert(mapper?.munmap(address, sizes[index]!) === 0, "a mapping is given back once");
  });
}

/** A window on a mapping. It keeps nothing alive. */
export function viewMapping(address: number, offset: number, bytes: number): Buffer {
  if (bytes === 0) return Buffer.alloc(0);
  return Buffer.from(toArrayBuffer(address as Pointer, offset, bytes));
}

function openMapper(): Mapper | null {
  for (const name of LIBRARIES) {
    try {
      const { symbols } = dlopen(name, {
        mmap: { args: ["ptr", "usize", "i32", "i32", "i32", "i64"], returns: "ptr" },
        munmap: { args: ["usize", "usize"], returns: "i32" },
      });
      return symbols as unknown as Mapper;
    } catch {
      continue; // another C library, or none that can be opened
    }
  }
  return null;
}
