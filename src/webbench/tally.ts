// What a run counts: one row of doubles a process, sent as differences and added up by the parent.
// Every request that was begun ends in exactly one of four columns, and the parent checks it:
//
//   begun = succeeded + failed status + errors (by kind) + cut off + returned + outstanding

export const COUNT_BEGUN = 0; // handed to a connection, or to an attempt to make one
export const COUNT_SUCCEEDED = 1;
export const COUNT_FAILED_STATUS = 2; // a whole answer whose status is no success
export const COUNT_CUT_OFF = 3; // the end of the run came before the answer
export const COUNT_RETURNED = 4; // behind an announced close: never processed, may be sent again
export const COUNT_SENT = 5; // wholly given to the kernel
export const COUNT_BYTES_IN = 6;
export const COUNT_BYTES_OUT = 7;
export const COUNT_BODY_BYTES = 8; // of answers, decoded
export const COUNT_ATTEMPTS = 9; // connections tried
export const COUNT_CONNECTED = 10;
export const COUNT_CLOSED_IDLE = 11; // by the peer, while it owed no answer
export const COUNT_CUT_CONNECTING = 12; // of the cut off: still without a connection
export const COUNT_UNSENT = 13; // open loop: planned, but no connection was free before the end
export const COUNT_SURPLUS = 14; // bytes that nobody asked for

export const COUNT_ERROR_BASE = 16; // + an ERROR_*
export const ERROR_REFUSED = 0;
export const ERROR_CONNECT = 1; // any other failure to connect: unreachable, no local port, TLS
export const ERROR_CONNECT_TIMEOUT = 2;
export const ERROR_RESET = 3;
export const ERROR_TIMEOUT = 4;
export const ERROR_MALFORMED = 5;
export const ERROR_EARLY_CLOSE = 6; // the peer finished before its answer was complete

export const ERROR_NAMES = [
  "refused",
  "connect",
  "connect-timeout",
  "reset",
  "timeout",
  "malformed",
  "early-close",
] as const;

/** Length of a row. */
export const TALLY_LENGTH: number = COUNT_ERROR_BASE + ERROR_NAMES.length;

export class Tally {
  readonly row: Float64Array = new Float64Array(TALLY_LENGTH);
  /** By status, 0 .. 999. */
  readonly statuses: Float64Array = new Float64Array(1000);
  /** Why, in the system's own words ("EHOSTUNREACH") or the codec's ("HTTP_BARE_LF"). */
  readonly reasons: Map<string, number> = new Map();

  add(row: readonly number[]): void {
    for (let index = 0; index < row.length; index++) this.row[index]! += row[index]!;
  }

  addReason(name: string, count = 1): void {
    this.reasons.set(name, (this.reasons.get(name) ?? 0) + count);
  }

  get errors(): number {
    let sum = 0;
    for (let index = COUNT_ERROR_BASE; index < TALLY_LENGTH; index++) sum += this.row[index]!;
    return sum;
  }

  /** Answers with a bad status, and requests that got none. */
  get failed(): number {
    return this.row[COUNT_FAILED_STATUS]! + this.errors;
  }

  /** Begun requests that have not ended yet. */
  get outstanding(): number {
    const { row } = this;
    const apart = row[COUNT_CUT_OFF]! + row[COUNT_RETURNED]!;
    return row[COUNT_BEGUN]! - row[COUNT_SUCCEEDED]! - this.failed - apart;
  }
}

/** Takes what a tally has gained since the last call, and empties it. */
export function takeTally(tally: Tally): TallyReport {
  const row = Array.from(tally.row);
  tally.row.fill(0);
  const statuses: number[] = [];
  for (let status = 0; status < 1000; status++) {
    if (tally.statuses[status] === 0) continue;
    statuses.push(status, tally.statuses[status]!);
    tally.statuses[status] = 0;
  }
  const reasons = [...tally.reasons];
  tally.reasons.clear();
  return { row, statuses, reasons };
}

export interface TallyReport {
  readonly row: readonly number[];
  /** Status, count, status, count ... */
  readonly statuses: readonly number[];
  readonly reasons: readonly (readonly [string, number])[];
}

export function addTally(total: Tally, report: TallyReport): void {
  total.add(report.row);
  for (let at = 0; at + 1 < report.statuses.length; at += 2) {
    total.statuses[report.statuses[at]!]! += report.statuses[at + 1]!;
  }
  for (const [name, count] of report.reasons) total.addReason(name, count);
}
