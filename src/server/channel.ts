// Topics that reach every worker: what is published in one of them is heard by the subscribers in
// all. Each worker has a channel; between them stands whatever implements ChannelPort. Sending is
// without promises: a publish either has reached the memory that all share, or says false.
//
// A topic travels as a hash and its bytes: a worker without a subscriber of that hash looks at
// nothing else of the message.

import { MAIL_BYTES_MAX, TOPIC_BYTES_MAX } from "../core/limits.ts";
import { watchFailure } from "./thenable.ts";

/** The payload is valid during the call only: copy what must last. */
export type ChannelHandler = (payload: Buffer, topic: string) => unknown;

/** To the other workers. */
export interface ChannelPort {
  /** False when one of them is too far behind; then nobody has got it. */
  post(tag: number, first: Uint8Array, second: Uint8Array): boolean;
}

/** Messages between the workers of a server. */
export interface Channel {
  /**
   * Gives the payload to every subscriber of the topic in every worker, this one included: here at
   * once, there soon, and in the order of the calls. False when a worker is too far behind (256 KiB
   * of messages): then nobody has got it. Throws a RangeError above 64 KiB, or for a topic above
   * 256 bytes, and a TypeError for what is neither bytes nor text.
   */
  publish(topic: string, payload: Uint8Array | string): boolean;
  /** Returns what ends the subscription. */
  subscribe(topic: string, handler: ChannelHandler): () => void;
}

interface Topic {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly tag: number;
  handlers: readonly ChannelHandler[];
}

const encoder: TextEncoder = new TextEncoder();

export class TopicChannel implements Channel {
  /** Set when there are other workers. */
  port: ChannelPort | null = null;
  private readonly topics = new Map<string, Topic>();
  private readonly byTag = new Map<number, Topic[]>();
  private readonly onError: (error: unknown) => void;

  /** `onError` hears what a handler throws or rejects with. */
  constructor(onError: (error: unknown) => void) {
    this.onError = onError;
  }

  publish(topic: string, payload: Uint8Array | string): boolean {
    const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError("Cannot publish the payload: it must be a Uint8Array or a string");
    }
    if (bytes.length > MAIL_BYTES_MAX) {
      throw new RangeError(
        `Cannot publish ${bytes.length} bytes: at most ${MAIL_BYTES_MAX} at a time`,
      );
    }
    const known = this.topics.get(topic) ?? makeTopic(topic);
    if (this.port !== null && !this.port.post(known.tag, known.bytes, bytes)) return false;
    if (known.handlers.length > 0) this.deliver(known, asBuffer(bytes));
    return true;
  }

  subscribe(name: string, handler: ChannelHandler): () => void {
    if (typeof handler !== "function") {
      throw new TypeError("Cannot subscribe: the handler must be a function");
    }
    const topic = this.topics.get(name) ?? this.add(makeTopic(name));
    const own: ChannelHandler = (payload, from) => handler(payload, from); // may be given twice
    topic.handlers = [...topic.handlers, own];
    return () => this.remove(topic, own);
  }

  // ---- what comes from the other workers: see RecordVisitor -----------------------------------

  wants(tag: number): boolean {
    return this.byTag.has(tag);
  }

  receive(tag: number, record: Buffer, split: number): void {
    for (const topic of this.byTag.get(tag) ?? []) {
      if (!startsWith(record, split, topic.bytes)) continue;
      this.deliver(topic, record.subarray(split));
      return;
    }
  }

  private deliver(topic: Topic, payload: Buffer): void {
    const { handlers } = topic;
    for (const handler of handlers) {
      // One before it may have ended it.
      if (topic.handlers !== handlers && !topic.handlers.includes(handler)) continue;
      try {
        watchFailure(handler(payload, topic.name), this.onError);
      } catch (error) {
        this.onError(error);
      }
    }
  }

  private add(topic: Topic): Topic {
    this.topics.set(topic.name, topic);
    this.byTag.set(topic.tag, [...(this.byTag.get(topic.tag) ?? []), topic]);
    return topic;
  }

  private remove(topic: Topic, handler: ChannelHandler): void {
    topic.handlers = topic.handlers.filter((other) => other !== handler);
    if (topic.handlers.length > 0 || this.topics.get(topic.name) !== topic) return;
    this.topics.delete(topic.name);
    const rest = (this.byTag.get(topic.tag) ?? []).filter((other) => other !== topic);
    if (rest.length > 0) this.byTag.set(topic.tag, rest);
    else this.byTag.delete(topic.tag);
  }
}

function makeTopic(name: string): Topic {
  const bytes = encoder.encode(name);
  if (bytes.length > TOPIC_BYTES_MAX) {
    throw new RangeError(`Cannot use a topic of ${bytes.length} bytes: at most ${TOPIC_BYTES_MAX}`);
  }
  return { name, bytes, tag: hash(bytes), handlers: [] };
}

/** FNV-1a. */
function hash(bytes: Uint8Array): number {
  let value = 0x811c9dc5 | 0;
  for (let index = 0; index < bytes.length; index++) {
    value = Math.imul(value ^ bytes[index]!, 0x01000193);
  }
  return value;
}

function startsWith(record: Buffer, length: number, bytes: Uint8Array): boolean {
  if (length !== bytes.length) return false;
  for (let index = 0; index < length; index++) {
    if (record[index] !== bytes[index]) return false;
  }
  return true;
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}
