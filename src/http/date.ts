// HTTP dates (RFC 9110 5.6.7): IMF-fixdate out, all three forms in. A worker holds one DateCache,
// whose bytes go into each response; they are written anew only when the second changes.
//
//   Sun, 06 Nov 1994 08:49:37 GMT     29 bytes

import { ascii } from "./syntax.ts";

export const DATE_BYTES = 29;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const LONG_DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** IMF-fixdate of a time in milliseconds since 1970, for years 0000 to 9999. */
export function formatHttpDate(timeMs: number): string {
  const date = new Date(timeMs);
  const day = `${DAYS[date.getUTCDay()]!}, ${two(date.getUTCDate())}`;
  const year = String(date.getUTCFullYear()).padStart(4, "0");
  const month = MONTHS[date.getUTCMonth()]!;
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `${day} ${month} ${year} ${clock} GMT`;
}

export class DateCache {
  private readonly now: () => number;
  /** Of the date in bytes(), since 1970: changes exactly when they do. */
  second: number;
  private readonly current: Uint8Array;

  /** `now` gives milliseconds since 1970: Date.now outside tests. */
  constructor(now: () => number) {
    this.now = now;
    this.second = Number.NaN;
    this.current = new Uint8Array(DATE_BYTES);
  }

  /** The date of now, 29 bytes: always the same object, so copy what must last. */
  bytes(): Uint8Array {
    const second = Math.floor(this.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.current.set(ascii(formatHttpDate(second * 1000)));
    }
    return this.current;
  }
}

const IMF_FIXDATE = /^([A-Z][a-z]{2}), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const RFC_850 = /^([A-Z][a-z]{5,8}), (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d):(\d\d):(\d\d) GMT$/;
const ASCTIME = /^([A-Z][a-z]{2}) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/;

/**
 * Milliseconds since 1970 of a date in any of the three forms, or NaN. The name of the day must be
 * a name, but need not be the right one. `nowMs` decides the century of a two-digit year: what
 * would lie more than 50 years ahead lies in the past.
 */
export function parseHttpDate(text: string, nowMs: number = Date.now()): number {
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) {
    if (!DAYS.includes(fixed[1]!)) return Number.NaN;
    return timeOf(Number(fixed[4]), fixed[3]!, fixed[2]!, fixed[5]!, fixed[6]!, fixed[7]!);
  }
  const old = RFC_850.exec(text);
  if (old !== null) {
    if (!LONG_DAYS.includes(old[1]!)) return Number.NaN;
    const year = fullYear(Number(old[4]), nowMs);
    return timeOf(year, old[3]!, old[2]!, old[5]!, old[6]!, old[7]!);
  }
  const c = ASCTIME.exec(text);
  if (c === null || !DAYS.includes(c[1]!)) return Number.NaN;
  return timeOf(Number(c[7]), c[2]!, c[3]!, c[4]!, c[5]!, c[6]!);
}

function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function timeOf(
  year: number,
  monthName: string,
  dayText: string,
  hourText: string,
  minuteText: string,
  secondText: string,
): number {
  const month = MONTHS.indexOf(monthName);
  const [day, hour, minute] = [Number(dayText), Number(hourText), Number(minuteText)];
  const second = Math.min(Number(secondText), 59); // a leap second (60) is the one before
  if (month < 0 || day < 1 || hour > 23 || minute > 59 || Number(secondText) > 60)
    return Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  if (date.getUTCDate() !== day) return Number.NaN; // 30 Feb
  return date.setUTCHours(hour, minute, second);
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
