// Views that were made before, by address: making a view costs ten times what a block costs. Direct
// mapped and bounded; a view is nothing but a window, so an old one for the same range is as good.

import { PAGE_SHIFT } from "./address.ts";
import type { SharedMemory } from "./shared-memory.ts";

const SLOTS = 2048; // a power of two

export class ViewCache {
  private readonly memory: SharedMemory;
  private readonly addresses: Int32Array = new Int32Array(SLOTS);
  private readonly views: (Buffer | undefined)[] = new Array<Buffer | undefined>(SLOTS).fill(
    undefined,
  );

  constructor(memory: SharedMemory) {
    this.memory = memory;
  }

  get(address: number, bytes: number): Buffer {
    const slot = (address ^ (address >> PAGE_SHIFT) ^ (address >> 4)) & (SLOTS - 1);
    if (this.addresses[slot] === address) {
      const known = this.views[slot];
      if (known !== undefined && known.length === bytes) return known;
    }
    const view = this.memory.view(address, bytes);
    this.addresses[slot] = address;
    this.views[slot] = view;
    return view;
  }
}
