import { describe, expect, test } from "bun:test";
import { KIB, MIB } from "../../src/core/limits.ts";
import { Arena } from "../../src/memory/arena.ts";
import { mapSegments, unmapSegments, viewMapping } from "../../src/memory/mapping.ts";

const supported = process.platform === "linux";

describe.if(supported)("mapSegments", () => {
  test("gives memory that reads as zeros, is shared by its views, and is committed by use", () => {
    const before = process.memoryUsage.rss();
    const sizes = [512 * MIB, 1 * MIB];
    const [large, small] = mapSegments(sizes);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
    const view = viewMapping(large!, 100 * MIB, 16);
    expect(view.every((byte) => byte === 0)).toBe(true);
    view.write("millrace");
    expect(viewMapping(large!, 100 * MIB + 4, 4).toString()).toBe("race");
    expect(viewMapping(small!, 0, 4).readUInt32LE()).toBe(0);
    unmapSegments([large!, small!], sizes);
  });

  test("gives nothing, and keeps nothing, when one of them cannot be had", () => {
    expect(mapSegments([1 * MIB, 2 ** 47])).toEqual([]);
  });
});

describe.if(supported)("a mapped Arena", () => {
  test("gives, views and takes back blocks of every size", () => {
    const arena = Arena.create({ bytesMax: 64 * MIB, workers: 2, mapped: true });
    expect(arena.handle.mappings.length).toBe(1);
    expect(arena.handle.tinyMarks.byteLength).toBe(0);
    const sizes = [0, 1, 8, 63, 64, 100, 4 * KIB, 64 * KIB, 65 * KIB, 1 * MIB, 8 * MIB];
    const blocks = sizes.map((bytes) => ({ bytes, address: arena.acquire(bytes) }));
    for (const { bytes, address } of blocks) {
      expect(address).toBeGreaterThan(0);
      expect(arena.sizeOf(address)).toBeGreaterThanOrEqual(Math.max(bytes, 64));
      arena.view(address, bytes).fill(bytes & 255);
    }
    for (const { bytes, address } of blocks) {
      expect(arena.view(address, bytes).every((byte) => byte === (bytes & 255))).toBe(true);
    }
    for (const { address } of blocks) arena.release(address);
    expect(arena.bytesInUse).toBe(0);
    expect(() => arena.release(blocks[5]!.address)).toThrow();
    arena.unmap();
  });

  test("is seen by another thread, and recovered from it", async () => {
    const arena = Arena.create({ bytesMax: 16 * MIB, workers: 2, worker: 0, mapped: true });
    const source = new URL("../../src/memory/arena.ts", import.meta.url).href;
    const code = `
      import { Arena } from ${JSON.stringify(source)};
      onmessage = ({ data }) => {
        const arena = Arena.attach(data, { worker: 1 });
        const address = arena.acquire(4096);
        arena.view(address, 4096).write("from the worker");
        postMessage(address);
      };`;
    const url = URL.createObjectURL(new Blob([code], { type: "application/typescript" }));
    const worker = new Worker(url);
    const address = await new Promise<number>((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<number>) => resolve(event.data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(arena.handle);
    });
    expect(arena.view(address, 15).toString()).toBe("from the worker");
    const closed = new Promise((resolve) => worker.addEventListener("close", resolve));
    worker.terminate();
    await closed;
    expect(arena.recover(1).ownedBlocks).toBe(1);
    expect(arena.bytesInUse).toBe(0);
    arena.unmap();
  });

  test("cannot be checked", () => {
    expect(() => Arena.create({ mapped: true, checked: true })).toThrow("both mapped and checked");
  });
});
