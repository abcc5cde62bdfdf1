import { expect, test } from "bun:test";
import { bytesSource, iterableSource, streamSource } from "../../src/server/body-source.ts";

async function gather(source: { next(): unknown }): Promise<string> {
  let text = "";
  for (;;) {
    const piece = (await source.next()) as Uint8Array | null;
    if (piece === null) return text;
    text += Buffer.from(piece).toString();
  }
}

async function* give(...pieces: unknown[]): AsyncGenerator<string> {
  for (const piece of pieces) yield piece as string;
}

test("bytesSource gives its bytes once and then the end", async () => {
  const source = bytesSource(Buffer.from("abc"));
  expect(source.length).toBe(3);
  expect(await gather(source)).toBe("abc");
  expect(source.next()).toBeNull();
});

test("iterableSource and streamSource give strings, buffers and views as bytes", async () => {
  const pieces = ["é", Buffer.from("b"), new Uint8Array([99]).buffer, Uint16Array.of(0x6564)];
  expect(await gather(iterableSource(give(...pieces)))).toBe("ébcde");
  const stream = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece as Uint8Array);
      controller.close();
    },
  });
  expect(await gather(streamSource(stream))).toBe("ébcde");
});

test("iterableSource refuses a piece that is neither bytes nor a string", async () => {
  for (const piece of [null, undefined, 5, {}, []]) {
    const reading = gather(iterableSource(give(piece)));
    expect(await reading.catch((error: unknown) => String(error))).toContain("Cannot send a piece");
  }
});

test("streamSource refuses a stream that somebody else reads, at once", () => {
  const stream = new ReadableStream();
  stream.getReader();
  expect(() => streamSource(stream)).toThrow(TypeError);
});

test("streamSource cancels its stream, and is not troubled when that fails", async () => {
  let cancelled = 0;
  const stream = new ReadableStream({
    cancel: () => {
      cancelled++;
      throw new Error("cancel");
    },
  });
  streamSource(stream).cancel();
  await Promise.resolve();
  expect(cancelled).toBe(1);
});
