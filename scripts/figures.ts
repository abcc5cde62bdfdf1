// Writes the table of measured figures in the README from the newest result of
// `bun bench/macro/peers.ts --json bench/results/NAME.json`, between its two markers. Nothing in it
// is typed by hand.
//   bun scripts/figures.ts [RESULT.json] [--check]     --check only says whether it is up to date

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Figures, median } from "../bench/macro/report.ts";

const ROOT = `${import.meta.dir}/..`;
const START = "<!-- figures:start -->";
const END = "<!-- figures:end -->";

interface Record {
  readonly machine: { readonly [key: string]: string | number };
  readonly rounds: number;
  readonly seconds: number;
  readonly results: readonly Result[];
  readonly idle?: {
    readonly count: number;
    readonly rows: readonly { readonly peer: string; readonly perConnectionBytes: number }[];
  };
}

interface Result {
  readonly scenario: string;
  readonly figures: readonly Figures[];
}

/** The README's section for one result. */
export function formatFigures(record: Record, source: string): string {
  const { machine, rounds, seconds, results } = record;
  const scenarios = [...results.map(({ scenario }) => scenario), ...(record.idle ? ["idle"] : [])];
  return [
    "## Figures",
    "",
    "CPU time of the whole server process per request, one worker on one core, the generator on",
    "the other; in brackets the ratio to `Bun.serve` with a fetch handler in the same rounds.",
    `Medians of ${rounds} rounds of ${seconds} s. ${machine["cpu"]}, ${machine["cores"]} cores, ` +
      `Linux ${machine["kernel"]}, Bun ${machine["bun"]}, commit ${machine["commit"]}.`,
    "",
    ...markdownTable(cpuTable(record)),
    ...results.slice(0, 1).flatMap((result) => ["", ...detailsOf(result)]),
    "",
    `Repeat it: \`bun bench/macro/peers.ts --rounds ${rounds} --seconds ${seconds} --scenario ` +
      `${scenarios.join(",")}\`; all samples: [${source}](${source}).`,
  ].join("\n");
}

/** A row a peer, a column a scenario; empty where the peer does not offer it. */
function cpuTable({ results, idle }: Record): string[][] {
  const idleRows = idle?.rows ?? [];
  const named = [...results.flatMap(({ figures }) => figures), ...idleRows];
  const peers = [...new Set(named.map(({ peer }) => peer))];
  const rows = peers.map((peer) => [
    peer,
    ...results.map(({ figures }) => cellOf(figures, peer)),
    ...(idle === undefined ? [] : [idleCellOf(idleRows, peer)]),
  ]);
  const heads = results.map(({ scenario }) => scenario);
  if (idle !== undefined) heads.push(`idle, bytes each of ${idle.count}`);
  return [["CPU us per request", ...heads], ...rows];
}

/** What else was measured, for one scenario. */
function detailsOf({ scenario, figures }: Result): string[] {
  const heads = ["user us", "system us", "requests/s", "p50 us", "p99 us", "RSS MB", "errors"];
  const rows = figures.map((row) => [
    row.peer,
    ...[row.userUs.toFixed(2), row.systemUs.toFixed(2), row.requestsPerSecond.toFixed(0)],
    ...[row.p50Us, row.p99Us, row.rssBytes / 2 ** 20, row.errors].map((value) => value.toFixed(0)),
  ]);
  return markdownTable([[scenario, ...heads], ...rows]);
}

function markdownTable([head, ...rows]: string[][]): string[] {
  const rule = head!.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head!, rule, ...rows].map((row) => `| ${row.join(" | ")} |`);
}

function idleCellOf(
  rows: readonly { readonly peer: string; readonly perConnectionBytes: number }[],
  peer: string,
): string {
  return rows.find((row) => row.peer === peer)?.perConnectionBytes.toFixed(0) ?? "";
}

function cellOf(figures: readonly Figures[], peer: string): string {
  const row = figures.find((candidate) => candidate.peer === peer);
  if (row === undefined) return "";
  const yardstick = figures.find((candidate) => candidate.peer === "bun-fetch");
  if (yardstick === undefined) return row.cpuUs.toFixed(2);
  const ratio = median(row.rounds.map((cpuUs, round) => cpuUs / yardstick.rounds[round]!));
  return `${row.cpuUs.toFixed(2)} (${ratio.toFixed(2)})`;
}

/** The text with what stands between the markers replaced; throws when they are not there. */
export function replaceSection(text: string, section: string): string {
  const from = text.indexOf(START);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`README.md has no ${START} ... ${END}`);
  return `${text.slice(0, from + START.length)}\n${section}\n${text.slice(to)}`;
}

function newestResult(): string {
  const folder = `${ROOT}/bench/results`;
  const names = readdirSync(folder).filter((name) => name.endsWith("-peers.json"));
  const newest = names.sort().at(-1);
  if (newest === undefined) throw new Error("bench/results has no *-peers.json");
  return `bench/results/${newest}`;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { check: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const source = positionals[0] ?? newestResult();
  const record = JSON.parse(readFileSync(`${ROOT}/${source}`, "utf8")) as Record;
  const before = readFileSync(`${ROOT}/README.md`, "utf8");
  const after = replaceSection(before, formatFigures(record, source));
  if (!values.check) writeFileSync(`${ROOT}/README.md`, after);
  const current = before === after;
  console.log(current ? "the figures are up to date" : `README.md: figures of ${source}`);
  if (values.check && !current) process.exit(1);
}
