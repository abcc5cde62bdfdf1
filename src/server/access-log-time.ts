// The time of day as access logs want it, written anew only when the second changes.
//
//   combined   [23/Nov/2026:08:49:37 +0100]     local time, as every web server has it
//   json       2026-11-23T07:49:37.123Z         UTC

import { ascii } from "../http/syntax.ts";
import { writeBytes } from "./access-log-escape.ts";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const ZERO = 0x30;
const LETTER_Z = 0x5a;

export class LogTime {
  private localSecond = Number.NaN;
  private local: Uint8Array = ascii("");
  private isoSecond = Number.NaN;
  private iso: Uint8Array = ascii("");

  /** Writes "[23/Nov/2026:08:49:37 +0100]"; returns where it ends. */
  writeLocal(target: Uint8Array, at: number, wallMs: number): number {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.localSecond) {
      this.localSecond = second;
      this.local = ascii(formatLocal(new Date(second * 1000)));
    }
    return writeBytes(target, at, this.local);
  }

  /** Writes "2026-11-23T07:49:37.123Z"; returns where it ends. */
  writeIso(target: Uint8Array, at: number, wallMs: number): number {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.isoSecond) {
      this.isoSecond = second;
      this.iso = ascii(new Date(second * 1000).toISOString().slice(0, -4)); // up to the point
    }
    const end = writeBytes(target, at, this.iso);
    const ms = Math.floor(wallMs - second * 1000);
    target[end] = ZERO + ((ms / 100) | 0);
    target[end + 1] = ZERO + (((ms / 10) | 0) % 10);
    target[end + 2] = ZERO + (ms % 10);
    target[end + 3] = LETTER_Z;
    return end + 4;
  }
}

/** With the offset of the local time at that moment. */
export function formatLocal(date: Date): string {
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]!}/${date.getFullYear()}`;
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  const east = -date.getTimezoneOffset();
  const offset = Math.abs(east);
  const zone = `${east < 0 ? "-" : "+"}${two(Math.floor(offset / 60))}${two(offset % 60)}`;
  return `[${day}:${clock} ${zone}]`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
