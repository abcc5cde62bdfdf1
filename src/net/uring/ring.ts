// One io_uring: a queue of requests to the kernel and a queue of what became of them, in memory
// that both see. Owned by one thread, which alone may submit. Completions are posted while that
// thread is inside the kernel, in submit() or in any other call, and never while it runs here; so
// plain loads and stores suffice.
//
//   push() -> | entries | -> submit() -> kernel -> | completions | -> next()
//
// Invariant: entries between the kernel's head and our tail are not submitted yet.

import { assert } from "../../core/assert.ts";
import { describeErrno } from "../libc.ts";
import {
  EAGAIN,
  EBUSY,
  EINTR,
  ENTER_EXT_ARG,
  ENTER_GETEVENTS,
  ETIME,
  ENTRY_SKIP_SUCCESS,
  FEATURE_CQE_SKIP,
  FEATURE_EXT_ARG,
  FEATURE_NODROP,
  FEATURE_SINGLE_MMAP,
  MMAP_OFFSET_ENTRIES,
  MMAP_OFFSET_RINGS,
  PARAM_CQ_ENTRIES,
  PARAM_CQ_ENTRIES_AT,
  PARAM_CQ_HEAD,
  PARAM_CQ_TAIL,
  PARAM_FEATURES,
  PARAM_FLAGS,
  PARAM_SQ_ARRAY,
  PARAM_SQ_ENTRIES,
  PARAM_SQ_FLAGS,
  PARAM_SQ_HEAD,
  PARAM_SQ_TAIL,
  OP_ASYNC_CANCEL,
  PARAMS_WORDS,
  QUEUE_OVERFLOW,
  SETUP_CLAMP,
  SETUP_COOP_TASKRUN,
  SETUP_CQSIZE,
  SETUP_SINGLE_ISSUER,
  SETUP_SUBMIT_ALL,
  SYS_IO_URING_ENTER,
  SYS_IO_URING_SETUP,
} from "./ring-abi.ts";
import { addressOf, memoryAt, type RingCalls } from "./ring-calls.ts";

const ENTRY_WORDS = 16;
const COMPLETION_WORDS = 4;
const WORD = 2 ** 32;
const PAGE_BYTES = 4096;
const PROT_READ_WRITE = 0x1 | 0x2;
const MAP_SHARED_POPULATE = 0x1 | 0x8000;
const ADDRESS_LIMIT: number = 2 ** 47;
const FEATURES: number = FEATURE_SINGLE_MMAP | FEATURE_NODROP | FEATURE_EXT_ARG | FEATURE_CQE_SKIP;
const SUBMIT_TRIES_MAX = 1000;
const WAIT_FLAGS: number = ENTER_GETEVENTS | ENTER_EXT_ARG;
const WAIT_BYTES = 24;
const NANOSECONDS = 2; // of the timeout: seconds 8, nanoseconds 8
const HEAD_CANCEL: number = OP_ASYNC_CANCEL | (ENTRY_SKIP_SUCCESS << 8);

/** A mapping of the ring, for whoever ends it. */
export interface RingMapping {
  readonly address: number;
  readonly bytes: number;
}

/** Where the completions lie in the first mapping, in int32 words from its begin. */
export interface CompletionLayout {
  readonly headAt: number;
  readonly tailAt: number;
  readonly entriesAt: number;
  readonly count: number;
}

export class Ring {
  readonly fd: number;
  readonly mappings: readonly RingMapping[];
  readonly layout: CompletionLayout;
  /** The completion that next() came to: the two halves of user data, result and flags. */
  userLow = 0;
  userHigh = 0;
  result = 0;
  flags = 0;
  /** Called before all that is queued goes to the kernel. */
  onSubmit: () => void = () => {};
  private readonly calls: RingCalls;
  private readonly words: Int32Array;
  private readonly entries: Int32Array;
  private readonly entryMask: number;
  private readonly completionMask: number;
  private readonly sqHeadAt: number;
  private readonly sqTailAt: number;
  private readonly waiting: WaitArgument = new WaitArgument();
  private readonly sqFlagsAt: number;
  private tail = 0;
  private head = 0;
  private aside: number[] = []; // completions that had to make room, four words each
  private asideHead = 0;

  private constructor(calls: RingCalls, fd: number, parameters: Uint32Array) {
    this.calls = calls;
    this.fd = fd;
    const count = parameters[PARAM_SQ_ENTRIES]!;
    const completions = parameters[PARAM_CQ_ENTRIES]!;
    const arrayAt = parameters[PARAM_SQ_ARRAY]! / 4;
    const entriesAt = parameters[PARAM_CQ_ENTRIES_AT]! / 4;
    const end = Math.max(arrayAt + count, entriesAt + completions * COMPLETION_WORDS) * 4;
    const rings = map(calls, fd, MMAP_OFFSET_RINGS, end);
    const entries = map(calls, fd, MMAP_OFFSET_ENTRIES, count * ENTRY_WORDS * 4);
    this.mappings = [rings, entries];
    this.words = new Int32Array(memoryAt(rings.address, rings.bytes));
    this.entries = new Int32Array(memoryAt(entries.address, count * ENTRY_WORDS * 4));
    this.entryMask = count - 1;
    this.completionMask = completions - 1;
    this.sqHeadAt = parameters[PARAM_SQ_HEAD]! / 4;
    this.sqTailAt = parameters[PARAM_SQ_TAIL]! / 4;
    this.sqFlagsAt = parameters[PARAM_SQ_FLAGS]! / 4;
    this.layout = {
      headAt: parameters[PARAM_CQ_HEAD]! / 4,
      tailAt: parameters[PARAM_CQ_TAIL]! / 4,
      entriesAt,
      count: completions,
    };
    for (let index = 0; index < count; index++) this.words[arrayAt + index] = index;
  }

  /** Throws an Error that says why there can be none. Both counts are powers of two. */
  static open(calls: RingCalls, entryCount: number, completionCount: number): Ring {
    const parameters = new Uint32Array(PARAMS_WORDS);
    parameters[PARAM_FLAGS] =
      SETUP_CQSIZE | SETUP_CLAMP | SETUP_SUBMIT_ALL | SETUP_COOP_TASKRUN | SETUP_SINGLE_ISSUER;
    parameters[PARAM_CQ_ENTRIES] = completionCount;
    const fd = calls.setup(SYS_IO_URING_SETUP, entryCount, parameters);
    if (fd < 0) throw new Error(`io_uring_setup: ${describeErrno(calls.errno())}`);
    try {
      if ((parameters[PARAM_FEATURES]! & FEATURES) !== FEATURES) {
        throw new Error("io_uring lacks features of Linux 5.17");
      }
      return new Ring(calls, fd, parameters);
    } catch (error) {
      calls.close(fd);
      throw error;
    }
  }

  /** Requests that wait for submit(). */
  get pendingCount(): number {
    return (this.tail - this.words[this.sqHeadAt]!) | 0;
  }

  /** Whether next() would find something. */
  get hasCompletions(): boolean {
    return this.head !== this.words[this.layout.tailAt]! || this.asideHead < this.aside.length;
  }

  /**
   * Queues one request; see the layout in ring-abi.ts. `head` is opcode, flags and ioprio. A full
   * queue is submitted first.
   */
  push(
    head: number,
    fd: number,
    address: number,
    length: number,
    opFlags: number,
    userLow: number,
    userHigh: number,
    bufferGroup: number,
  ): void {
    if (this.pendingCount > this.entryMask) this.submit();
    const { entries } = this;
    const at = (this.tail & this.entryMask) * ENTRY_WORDS;
    entries[at] = head;
    entries[at + 1] = fd;
    entries[at + 2] = 0;
    entries[at + 3] = 0;
    entries[at + 4] = address | 0;
    entries[at + 5] = address / WORD;
    entries[at + 6] = length;
    entries[at + 7] = opFlags;
    entries[at + 8] = userLow;
    entries[at + 9] = userHigh;
    entries[at + 10] = bufferGroup;
    entries[at + 11] = 0;
    this.tail = (this.tail + 1) | 0;
    this.words[this.sqTailAt] = this.tail;
  }

  /** Queues the end of a request with this user data. Its halves stay apart: a number that held
   *  both would lose the lowest bits. */
  cancel(userLow: number, userHigh: number, opFlags: number): void {
    this.push(HEAD_CANCEL, -1, 0, 0, opFlags, 0, 0, 0);
    const at = ((this.tail - 1) & this.entryMask) * ENTRY_WORDS;
    this.entries[at + 4] = userLow;
    this.entries[at + 5] = userHigh;
  }

  /**
   * Hands all that is queued to the kernel, which does at once what can be done at once. Above 0 it
   * then waits so many microseconds for a completion, if there is none.
   */
  submit(waitUs = 0): void {
    this.onSubmit();
    const { calls, fd, waiting } = this;
    for (let tries = 0; tries < SUBMIT_TRIES_MAX; tries++) {
      const count = this.pendingCount;
      let done: number;
      if (waitUs > 0) {
        waiting.timeout[NANOSECONDS] = waitUs * 1000;
        const { address } = waiting;
        done = calls.enter(SYS_IO_URING_ENTER, fd, count, 1, WAIT_FLAGS, address, WAIT_BYTES);
      } else {
        done = calls.enter(SYS_IO_URING_ENTER, fd, count, 0, ENTER_GETEVENTS, 0, 0);
      }
      if (done === count) return;
      if (done >= 0) continue;
      const errno = calls.errno();
      if (errno === ETIME) return;
      if (errno === EINTR && count === 0) return; // it came while we waited
      if (errno === EINTR || errno === EAGAIN || errno === EBUSY) continue;
      assert(false, `io_uring_enter failed with ${errno}`);
    }
    assert(false, "the kernel does not take what is submitted");
  }

  /** Takes the next completion off the queue; false when there is none. */
  next(): boolean {
    if (this.asideHead < this.aside.length) return this.nextAside();
    const { words, layout } = this;
    const { head } = this;
    if (head === words[layout.tailAt]!) return false;
    const at = layout.entriesAt + (head & this.completionMask) * COMPLETION_WORDS;
    this.userLow = words[at]!;
    this.userHigh = words[at + 1]!;
    this.result = words[at + 2]!;
    this.flags = words[at + 3]!;
    this.head = (head + 1) | 0;
    words[layout.headAt] = this.head;
    return true;
  }

  /** Gives back the descriptor and the memory; nothing of it may be used after that. */
  close(): void {
    this.calls.close(this.fd);
    for (const { address, bytes } of this.mappings) this.calls.munmap(address, bytes);
  }

  /**
   * All completions that wait, oldest first, without taking them: `visit` may blank one by
   * returning true, and next() will find user data 0 there. Those that the kernel had no room for
   * are brought in, and others are put aside for them, out of the memory that is shared.
   */
  scan(
    visit: (userLow: number, userHigh: number, result: number, isAside: boolean) => boolean,
  ): void {
    const { words, layout, aside } = this;
    while ((words[this.sqFlagsAt]! & QUEUE_OVERFLOW) !== 0) this.putAside();
    for (let at = this.asideHead; at < aside.length; at += COMPLETION_WORDS) {
      if (visit(aside[at]!, aside[at + 1]!, aside[at + 2]!, true)) aside[at] = 0;
    }
    const tail = words[layout.tailAt]!;
    for (let head = this.head; head !== tail; head = (head + 1) | 0) {
      const at = layout.entriesAt + (head & this.completionMask) * COMPLETION_WORDS;
      if (visit(words[at]!, words[at + 1]!, words[at + 2]!, false)) words[at] = 0;
    }
  }

  private putAside(): void {
    const { words, layout } = this;
    const tail = words[layout.tailAt]!;
    for (; this.head !== tail; this.head = (this.head + 1) | 0) {
      const at = layout.entriesAt + (this.head & this.completionMask) * COMPLETION_WORDS;
      this.aside.push(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    }
    words[layout.headAt] = tail;
    this.submit(); // the kernel brings what it holds back
  }

  private nextAside(): boolean {
    const { aside, asideHead: at } = this;
    this.userLow = aside[at]!;
    this.userHigh = aside[at + 1]!;
    this.result = aside[at + 2]!;
    this.flags = aside[at + 3]!;
    this.asideHead = at + COMPLETION_WORDS;
    if (this.asideHead === aside.length) {
      aside.length = 0;
      this.asideHead = 0;
    }
    return true;
  }
}

/** struct io_uring_getevents_arg: no signal mask 8, its size 4, zero 4, address of a timeout 8. */
class WaitArgument {
  readonly timeout: Int32Array = new Int32Array(4);
  readonly address: number;
  private readonly words: Uint32Array = new Uint32Array(WAIT_BYTES / 4);

  constructor() {
    const timeoutAt = addressOf(this.timeout);
    this.words[4] = timeoutAt % WORD;
    this.words[5] = timeoutAt / WORD;
    this.address = addressOf(this.words);
  }
}

function map(calls: RingCalls, fd: number, offset: number, bytes: number): RingMapping {
  const whole = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  const address = Number(calls.mmap(null, whole, PROT_READ_WRITE, MAP_SHARED_POPULATE, fd, offset));
  if (address > 0 && address < ADDRESS_LIMIT) return { address, bytes: whole };
  throw new Error(`mmap of an io_uring: ${describeErrno(calls.errno())}`);
}
