// The end of a soak as a table: what was asked and became of it, what the server counted, and what
// it holds at rest, before and after; then what does not add up.

import { heldBytes, lostBytes } from "./soak-rest.ts";
import type { SoakResult } from "./soak-run.ts";

const LOG_LINES_MAX = 200;

type Row = readonly [name: string, ...cells: (number | string)[]];

export function formatResult({ books, before, after, verdict, log }: SoakResult): string {
  const { totals } = after.stats;
  const { killed, unnamed, raced, forMemory } = books.cuts;
  const count = (name: string): number => totals[name] ?? Number.NaN;
  const closed = Object.keys(totals).filter((name) => name.startsWith("closed_"));
  const rows: Row[] = [
    ["connections", "made", books.made, "accepted", count("accepted"), "open", count("open")],
    ["requests", "sent", books.heads, "counted", count("requests")],
    ["  owed an answer", books.owed, "answered", books.answered, "503 for memory", books.refused],
    ["  behind the last", books.dropped],
    ["  cut off", "felled worker", killed.calls, "before it was named", unnamed.calls],
    ["", "memory limit", forMemory.calls, "raced with a close", raced.calls],
    ["answers", "read", books.read.join(" "), "counted", classes(count)],
    ["frames", "sent", books.frames, "counted", count("frames_in"), "back", books.echoes],
    ["  in doubt", books.framesLost, "conversations cut", books.frameCuts + books.frameKills],
    ["heartbeats", "in", count("heartbeats_in"), "out", count("heartbeats_out")],
    ["evicted, as due", books.ended, "floods", books.floods, "refusals", count("buffer_refused")],
    ["disturbed", "reloads", books.reloads, "deaths", books.kills],
    ...closed
      .filter((name) => count(name) > 0)
      .map((name): Row => [name.replace("closed_", "closed: "), count(name)]),
    ["held bytes", heldBytes(before.worn), "->", heldBytes(after.worn)],
    ["live bytes", before.stats.memory!.liveBytes, "->", after.stats.memory!.liveBytes],
    ["resident bytes", before.rssBytes, "->", after.rssBytes, ratio(after, before)],
    ["descriptors", before.descriptors.length, "->", after.descriptors.length],
    ["unaccounted bytes", lostBytes(before.stats), "->", lostBytes(after.stats)],
  ];
  const table = rows.map(([name, ...cells]) => `${name.padEnd(20)} ${cells.join(" ")}`).join("\n");
  const { problems, claims } = verdict;
  if (problems.length === 0) return `\n${table}\n\nall ${claims} claims hold`;
  const said = log.filter((line) => !/^\S+ error +at /.test(line)).slice(-LOG_LINES_MAX);
  return [
    ...["", table, "", "THE SERVER SAID, AT LAST", ...said],
    ...["", "DOES NOT ADD UP", ...problems.map((problem) => `  ${problem}`)],
  ].join("\n");
}

function classes(count: (name: string) => number): string {
  return [2, 3, 4, 5].map((digit) => count(`${digit}xx`)).join(" ");
}

function ratio(after: { rssBytes: number }, before: { rssBytes: number }): string {
  return `(${(after.rssBytes / before.rssBytes).toFixed(3)})`;
}
