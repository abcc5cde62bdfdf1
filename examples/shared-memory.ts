// Messages without copies: one producer fills blocks, two consumers read and release them. Only the
// address of a block, one number, travels between the threads; the bytes stay where they are.
//
//   bun examples/shared-memory.ts [messages]

import { Arena, type ArenaHandle } from "millrace";

interface Start {
  role: "producer" | "consumer";
  arena: ArenaHandle;
  /** A ring of addresses: 0 is empty. Two words behind it count what was put in and taken out. */
  ring: SharedArrayBuffer;
  messages: number;
}

const RING_SLOTS = 1024;
const PUT = RING_SLOTS;
const TAKEN = RING_SLOTS + 1;
const HEAD_BYTES = 4; // a message starts with the length of its text

declare const self: Worker;

if (Bun.isMainThread) await main();
else self.onmessage = ({ data }: MessageEvent<Start>) => self.postMessage(work(data));

async function main(): Promise<void> {
  const messages = Number(process.argv[2] ?? 50_000);
  if (!Number.isSafeInteger(messages) || messages < 1) {
    console.error("usage: bun examples/shared-memory.ts [messages]");
    process.exit(1);
  }
  const arena = Arena.create({ bytesMax: 64 * 1024 * 1024, workers: 4 });
  const ring = new SharedArrayBuffer((RING_SLOTS + 2) * 4);
  const roles = ["producer", "consumer", "consumer"] as const;
  const started = performance.now();
  const counts = await Promise.all(
    roles.map((role) => start({ role, arena: arena.handle, ring, messages })),
  );
  const seconds = (performance.now() - started) / 1000;
  const [sent, ...received] = counts;
  console.log(`sent ${sent} characters, received ${received.join(" + ")}`);
  console.log(
    `${Math.round(messages / seconds)} messages/s, ${arena.bytesInUse} bytes still in use`,
  );
  if (sent !== received.reduce((total, count) => total + count, 0)) process.exitCode = 1;
  process.exit();
}

function start(task: Start): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const worker = new Worker(import.meta.url);
  worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
  worker.postMessage(task);
  return promise;
}

function work({ role, arena: handle, ring, messages }: Start): number {
  const arena = Arena.attach(handle);
  const slots = new Int32Array(ring);
  const characters =
    role === "producer" ? produce(arena, slots, messages) : consume(arena, slots, messages);
  arena.detach();
  return characters;
}

function produce(arena: Arena, slots: Int32Array, messages: number): number {
  let characters = 0;
  for (let index = 0; index < messages; index++) {
    const text = `message ${index}`;
    const bytes = HEAD_BYTES + text.length;
    let address = arena.acquire(bytes);
    // The limit refuses with a 0: wait for the consumers, as a server would stop reading.
    for (; address === 0; address = arena.acquire(bytes)) Atomics.wait(slots, TAKEN, -1, 1);
    const view = arena.view(address, bytes);
    view.writeUInt32LE(text.length, 0);
    view.write(text, HEAD_BYTES, "latin1");
    arena.disown(address); // whoever gets it releases it, even if this thread is gone by then
    const slot = index % RING_SLOTS;
    while (Atomics.compareExchange(slots, slot, 0, address) !== 0) Atomics.wait(slots, slot, 1, 1);
    Atomics.add(slots, PUT, 1);
    characters += text.length;
  }
  return characters;
}

function consume(arena: Arena, slots: Int32Array, messages: number): number {
  let characters = 0;
  for (;;) {
    const index = Atomics.add(slots, TAKEN, 1); // this message is mine
    if (index >= messages) return characters;
    while (Atomics.load(slots, PUT) <= index) Atomics.pause();
    const address = Atomics.exchange(slots, index % RING_SLOTS, 0);
    const length = arena.view(address, HEAD_BYTES).readUInt32LE(0);
    const text = arena.view(address, HEAD_BYTES + length).toString("latin1", HEAD_BYTES);
    if (text !== `message ${index}`) throw new Error(`message ${index} was damaged`);
    characters += text.length;
    arena.release(address);
  }
}
