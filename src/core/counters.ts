// What is counted, and where it stands in a worker's row of the stats board. A row is a
// Float64Array on shared memory (exact to 2^53) with one writer, the worker, and any number of
// readers, so a plain `row[COUNT_X]! += n` is enough. Gauges go up and down; all else only grows.
//
// | 0 .. 15 connections, bytes, requests | 16 .. 31 closed by reason | 32 .. 47 buffers, time |

import { CLOSE_REASON_NAMES } from "./close-reason.ts";

export const COUNT_ACCEPTED = 0;
export const COUNT_OPEN = 1; // gauge
export const COUNT_BYTES_IN = 2;
export const COUNT_BYTES_OUT = 3;
export const COUNT_REQUESTS = 4; // request heads that were complete and valid
export const COUNT_RESPONSES_1XX = 5;
export const COUNT_RESPONSES_2XX = 6;
export const COUNT_RESPONSES_3XX = 7;
export const COUNT_RESPONSES_4XX = 8;
export const COUNT_RESPONSES_5XX = 9;
export const COUNT_REQUESTS_IN_FLIGHT = 10; // gauge: handler has begun, answer not complete
export const COUNT_HANDLER_ERRORS = 11;
export const COUNT_DETACHED = 12; // times the worker stopped accepting at its connection limit
export const COUNT_READ_PAUSES = 13; // times reading stopped because the peer did not read
export const COUNT_LOOP_BEATS = 14; // grows about once a second while the worker's loop turns
export const COUNT_ABORTED = 15; // requests whose peer left before the answer was complete

export const COUNT_CLOSED_BASE = 16; // + a CloseReason

export const COUNT_BUFFER_BYTES_CHARGED = 32; // gauge: bytes of io_bufs in use, by capacity
export const COUNT_BUFFER_BYTES_USED = 33; // gauge: bytes that hold data, sampled
export const COUNT_BUFFER_REFUSED = 34; // acquires that the memory limit refused
export const COUNT_TIMERS_FIRED = 35;
export const COUNT_HEARTBEATS_IN = 36;
export const COUNT_HEARTBEATS_OUT = 37;
export const COUNT_FRAMES_IN = 38;
export const COUNT_FRAMES_OUT = 39;
export const COUNT_LOG_LINES_LOST = 40; // of access logs that could not be written

/** Length of a row, in doubles: 512 bytes, so that two workers never share a cache line. */
export const COUNTERS_PER_ROW = 64;

export const GAUGES: ReadonlySet<number> = new Set([
  COUNT_OPEN,
  COUNT_REQUESTS_IN_FLIGHT,
  COUNT_BUFFER_BYTES_CHARGED,
  COUNT_BUFFER_BYTES_USED,
]);

/** Name by index; an empty string where the row has a gap. */
export const COUNTER_NAMES: readonly string[] = nameCounters();

function nameCounters(): string[] {
  const names = new Array<string>(COUNTERS_PER_ROW).fill("");
  const low =
    "accepted open bytes_in bytes_out requests 1xx 2xx 3xx 4xx 5xx in_flight handler_errors";
  const rest = "detached read_pauses loop_beats aborted";
  `${low} ${rest}`.split(" ").forEach((name, index) => (names[index] = name));
  CLOSE_REASON_NAMES.forEach((name, reason) => {
    names[COUNT_CLOSED_BASE + reason] = `closed_${name.replaceAll("-", "_")}`;
  });
  const buffers = "buffer_bytes_charged buffer_bytes_used buffer_refused timers_fired";
  const frames = "heartbeats_in heartbeats_out frames_in frames_out log_lines_lost";
  `${buffers} ${frames}`.split(" ").forEach((name, index) => {
    names[COUNT_BUFFER_BYTES_CHARGED + index] = name;
  });
  return names;
}

/** The index of a status class's counter: 200 -> COUNT_RESPONSES_2XX. */
export function statusCounter(status: number): number {
  return COUNT_RESPONSES_1XX + ((status / 100) | 0) - 1;
}
