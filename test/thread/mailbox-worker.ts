// A thread with a mailbox, for mailbox.test.ts. It counts what it hears, posts what it is told to,
// can be made deaf for a while, and says what it has counted when it is asked.

import { parentPort, workerData } from "node:worker_threads";
import type { ExchangeHandle } from "../../src/thread/exchange.ts";
import { Mailbox } from "../../src/thread/mailbox.ts";

export type Command =
  | { readonly kind: "post"; readonly count: number; readonly bytes: number }
  | { readonly kind: "block"; readonly until: Int32Array }
  | { readonly kind: "ask" };

export interface Answer {
  readonly kind: "ready" | "posted" | "blocked" | "heard";
  /** Records heard, by the member that posted them. */
  readonly heard?: readonly (readonly [number, number])[];
  /** What was out of order or damaged. */
  readonly faults?: readonly string[];
  readonly refused?: number;
}

const { handle, member } = workerData as { handle: ExchangeHandle; member: number };
const port = parentPort!;
const heard = new Map<number, number>();
const faults: string[] = [];

const mailbox: Mailbox = new Mailbox(handle, member, {
  wants: () => true,
  receive(tag, record, split) {
    const expected = heard.get(tag) ?? 0;
    const number = record.readUInt32LE(0);
    if (split !== 4 || number !== expected) faults.push(`${tag}: ${number}, not ${expected}`);
    const byte = number & 255;
    for (let at = split; at < record.length; at++) {
      if (record[at] !== byte) faults.push(`${tag}: damaged`);
    }
    heard.set(tag, number + 1);
  },
});

let posted = 0;
port.on("message", (command: Command) => {
  if (command.kind === "post") void post(command.count, command.bytes);
  if (command.kind === "ask") answer({ kind: "heard", heard: [...heard], faults });
  if (command.kind === "block") {
    answer({ kind: "blocked" });
    Atomics.wait(command.until, 0, 0);
  }
});
answer({ kind: "ready" });

async function post(count: number, bytes: number): Promise<void> {
  const head = Buffer.alloc(4);
  const body = Buffer.alloc(bytes);
  let refused = 0;
  for (const end = posted + count; posted < end;) {
    head.writeUInt32LE(posted, 0);
    body.fill(posted & 255);
    if (mailbox.post(member, head, body)) {
      posted++;
    } else {
      refused++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  answer({ kind: "posted", refused });
}

function answer(message: Answer): void {
  port.postMessage(message);
}
