// What goes through the pipe from a load process to its parent: a line of JSON each. Counts are
// differences since the line before, so that the parent has everything up to the last line whatever
// becomes of the process, and only ever adds.

import type { TallyReport } from "./tally.ts";

/** Bucket, count, bucket, count ... of latency-buckets.ts. */
export type BucketCounts = readonly number[];

export const LATENCY_NAMES = [
  "total", // from sending (open loop: from the planned time) to the last byte of the answer
  "firstByte",
  "connect",
  "service", // open loop: from the moment of sending
  "lateness", // open loop: of sending, where it was the generator's fault
  "ownDelay", // of the generator's event loop
] as const;
export type LatencyName = (typeof LATENCY_NAMES)[number];

export interface CountsReport {
  readonly type: "counts";
  /** The PHASE_ in which it was counted. */
  readonly phase: number;
  /** Since the start of the process's run. */
  readonly elapsedMs: number;
  /** Length of what it covers. */
  readonly coveredMs: number;
  readonly tally: TallyReport;
  readonly latencies: Partial<Record<LatencyName, BucketCounts>>;
  readonly openConnections: number;
  readonly cpuMs: number;
}

export type LoadReport =
  | { readonly type: "ready" }
  | CountsReport
  | { readonly type: "done"; readonly oldestCutOffMs: number }
  | { readonly type: "bug"; readonly text: string };

/** What the parent says: a line each, the first one a LoadShare. The end of the pipe means stop. */
export const SAY_START = "start";
export const SAY_STOP = "stop";

/** Cuts a stream of text into lines; what has no line break yet waits. */
export class LineSplitter {
  private rest = "";
  private readonly decoder: TextDecoder = new TextDecoder();

  push(chunk: Uint8Array): string[] {
    const lines = (this.rest + this.decoder.decode(chunk, { stream: true })).split("\n");
    this.rest = lines.pop() ?? "";
    return lines;
  }
}
