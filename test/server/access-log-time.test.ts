import { expect, test } from "bun:test";
import { formatLocal, LogTime } from "../../src/server/access-log-time.ts";

const target = Buffer.alloc(100);

function local(time: LogTime, wallMs: number): string {
  return target.toString("latin1", 3, time.writeLocal(target, 3, wallMs));
}

function iso(time: LogTime, wallMs: number): string {
  return target.toString("latin1", 3, time.writeIso(target, 3, wallMs));
}

/** A date as it is seen from so many minutes east of Greenwich. */
function dateAt(iso8601: string, east: number): Date {
  const date = new Date(iso8601.slice(0, 19)); // in local time, whatever that is
  date.getTimezoneOffset = () => -east;
  return date;
}

test("LogTime writes what Date says, across seconds, days, years and backwards", () => {
  const time = new LogTime();
  const start = Date.UTC(2026, 11, 31, 23, 59, 59, 998);
  for (const step of [0, 0.4, 1, 2, 2.9, 1000, -5000, 86_400_000, 0, -1e12]) {
    expect(iso(time, start + step)).toBe(new Date(Math.floor(start + step)).toISOString());
    expect(local(time, start + step)).toBe(formatLocal(new Date(start + step)));
  }
});

test("formatLocal has the form of a web server's log, with every kind of offset", () => {
  const form = (east: number): string => formatLocal(dateAt("2026-02-03T04:05:06", east));
  expect(form(0)).toBe("[03/Feb/2026:04:05:06 +0000]");
  expect(form(60)).toBe("[03/Feb/2026:04:05:06 +0100]");
  expect(form(-210)).toBe("[03/Feb/2026:04:05:06 -0330]");
  expect(form(845)).toBe("[03/Feb/2026:04:05:06 +1405]");
});
