// What must hold at the end of a soak: the clients' books against the server's counters, and the
// server at rest against itself before the load. A claim that does not hold is told with its
// figures. "As far as they can be": a request whose answer nobody read may or may not have reached
// its worker, so such requests bound the difference, and without them the counts are equal.

import type { NamedCounters } from "../../src/master/server-stats.ts";
import type { SoakBooks } from "./soak-books.ts";
import { heldBytes, lostBytes, type Rest } from "./soak-rest.ts";

export const GROWTH_MAX = 1.1;

export interface Verdict {
  readonly problems: readonly string[];
  readonly claims: number;
}

/** Ends that the soak is there to bring about: one that did not happen was not tried. */
const WANTED_REASONS: readonly string[] = [
  ...["peer", "local", "reset", "idle", "heartbeat", "head_timeout", "write_stall", "memory"],
  ...["protocol", "worker_lost"],
];

/** Nothing more has to happen before the soak may end. */
export function hasSeenAll(books: SoakBooks, totals: NamedCounters): boolean {
  const { floods, reloads, kills } = books;
  const reasons = WANTED_REASONS.filter((reason) => reason !== "worker_lost");
  const closed = reasons.every((reason) => totals[`closed_${reason}`]! > 0);
  return closed && Math.min(floods, reloads, kills) > 0;
}

export function judge(books: SoakBooks, before: Rest, after: Rest): Verdict {
  const claims = [
    ...claimsOfBooks(books, after.stats.totals),
    ...claimsOfCounters(books, after.stats.totals),
    ...claimsOfRest(before, after),
  ];
  const broken = claims.filter(([holds]) => !holds).map(([, text]) => text);
  const more = books.complaintCount - books.complaints.length;
  const complaints = more > 0 ? [...books.complaints, `and ${more} more`] : books.complaints;
  return { problems: [...complaints, ...broken], claims: claims.length };
}

type Claim = readonly [holds: boolean, text: string];

function claimsOfBooks(books: SoakBooks, totals: NamedCounters): Claim[] {
  const { killed, unnamed, raced, forMemory } = books.cuts;
  const lost = totals["closed_worker_lost"]!;
  const memory = totals["closed_memory"]!;
  const drained = totals["closed_drain"]! + totals["closed_idle"]!;
  const ended = books.answered + books.refused + books.dropped + books.cutCalls;
  const cut = killed.connections + books.frameKills;
  return [
    [books.unreachable === 0, `${books.unreachable} connections could not be made`],
    [books.owed === ended, `${books.owed} requests were owed an answer, ${ended} have an outcome`],
    [cut <= lost, `${cut} connections cut off by deaths, ${lost} lost with workers`],
    [forMemory.connections <= memory, `${forMemory.connections} cut for memory, of ${memory}`],
    [raced.connections <= drained, `${raced.connections} raced with a close, of ${drained}`],
    [unnamed.connections + cut <= lost + memory, `${unnamed.connections} cut without a cause`],
    [
      books.frameCuts <= drained + memory + lost,
      `${books.frameCuts} conversations cut without a cause`,
    ],
    [books.floods > 0 && books.reloads > 0 && books.kills > 0, "a disturbance did not take place"],
    ...WANTED_REASONS.map((reason): Claim => [
      totals[`closed_${reason}`]! > 0,
      `nothing was closed as ${reason}`,
    ]),
  ];
}

function claimsOfCounters(books: SoakBooks, totals: NamedCounters): Claim[] {
  const accepted = totals["accepted"]!;
  const closed = Object.entries(totals)
    .filter(([name]) => name.startsWith("closed_"))
    .reduce((sum, [, count]) => sum + count, 0);
  const unread = books.cutCalls + books.dropped + books.givenUp;
  const framesMost = books.frames + books.beatsBack;
  const classes = [2, 3, 4, 5].map((digit) => totals[`${digit}xx`]!);
  const answers = classes.reduce((sum, count) => sum + count, 0);
  const read = books.read.reduce((sum, count) => sum + count, 0);
  const classText = (digit: number): string =>
    `${books.read[digit]} answers of ${digit}xx read, ${classes[digit - 2]} counted`;
  return [
    [accepted === totals["open"]! + closed, `${accepted} accepted, ${closed} closed`],
    [totals["open"] === 0, `${totals["open"]} connections open at the end`],
    [totals["in_flight"] === 0, `${totals["in_flight"]} requests in flight at the end`],
    between("connections accepted", accepted, books.made - books.mute, books.made),
    between("requests counted", totals["requests"]!, books.heads - unread, books.heads),
    between("answers counted", answers, read, read + unread + books.malformed),
    ...[2, 3, 4, 5].map((digit): Claim => [
      books.read[digit]! <= classes[digit - 2]!,
      classText(digit),
    ]),
    between("frames counted", totals["frames_in"]!, books.frames - books.framesLost, framesMost),
  ];
}

function claimsOfRest(before: Rest, after: Rest): Claim[] {
  const growth = after.rssBytes / before.rssBytes;
  const [wornBefore, wornAfter] = [before, after].map(({ worn }) => heldBytes(worn));
  const live = after.stats.memory!.liveBytes;
  const liveBefore = before.stats.memory!.liveBytes;
  const [fdsBefore, fdsAfter] = [before, after].map(({ descriptors }) => descriptors.length);
  const fdLists = `${before.descriptors.join(" ")}; after: ${after.descriptors.join(" ")}`;
  const fds = `${fdsBefore} descriptors before, ${fdsAfter} after; before: ${fdLists}`;
  return [
    ...[before.worn, before.stats, after.worn, after.stats].map((stats): Claim => [
      lostBytes(stats) === 0,
      `${lostBytes(stats)} bytes of the arena unaccounted for`,
    ]),
    [wornBefore === wornAfter, `buffers held: ${wornBefore} bytes before, ${wornAfter} after`],
    [live === liveBefore, `live in the arena: ${liveBefore} bytes before, ${live} after`],
    [live === heldBytes(after.stats), `live in the arena: ${live} bytes, not all of them held`],
    [growth <= GROWTH_MAX, `resident memory grew to ${growth.toFixed(3)} of its start`],
    [fdsAfter === fdsBefore, fds],
  ];
}

function between(what: string, count: number, least: number, most: number): Claim {
  return [count >= least && count <= most, `${count} ${what}, expected ${least} to ${most}`];
}
