// What is seen while the load runs, on a terminal only: four lines, redrawn in place a few times a
// second, and taken away at the end. Figures are those of the last whole interval.

import { bytesText, countText, timeText } from "./figures-text.ts";
import { answeredOf, type RunTotals } from "./run-totals.ts";
import { ERROR_NAMES, COUNT_ERROR_BASE } from "./tally.ts";

const REDRAW_MS = 200;
const BAR_CELLS = 30;
const LINES = 4;
const COLUMNS_DEFAULT = 80;
const CLEAR_LINE = "\x1b[2K";

export interface LiveViewOptions {
  readonly runMs: number;
  readonly warmUpMs: number;
  /** Of a run that ends by its count; 0 otherwise. */
  readonly count: number;
  /** null: nothing is shown. */
  readonly terminal: { write(text: string): unknown; readonly columns?: number } | null;
  readonly nowMs?: () => number;
}

export class LiveView {
  private readonly options: LiveViewOptions;
  private readonly nowMs: () => number;
  private startedMs = 0;
  private drawnMs = -Infinity;
  private isDrawn = false;

  constructor(options: LiveViewOptions) {
    this.options = options;
    this.nowMs = options.nowMs ?? (() => performance.now());
  }

  show(totals: RunTotals): void {
    const { terminal } = this.options;
    const nowMs = this.nowMs();
    if (this.startedMs === 0) this.startedMs = nowMs;
    if (terminal === null || nowMs - this.drawnMs < REDRAW_MS) return;
    this.drawnMs = nowMs;
    const columns = terminal.columns || COLUMNS_DEFAULT; // 0 where nobody knows
    const lines = this.lines(totals, nowMs - this.startedMs).map((line) =>
      line.slice(0, columns - 1),
    );
    terminal.write(`${this.home()}${lines.map((line) => `${CLEAR_LINE}${line}\n`).join("")}`);
    this.isDrawn = true;
  }

  /** Leaves the terminal as it was. */
  clear(): void {
    if (!this.isDrawn) return;
    this.options.terminal!.write(`${this.home()}${`${CLEAR_LINE}\n`.repeat(LINES)}${this.home()}`);
    this.isDrawn = false;
  }

  private home(): string {
    return this.isDrawn ? `\x1b[${LINES}A\r` : "";
  }

  private lines(totals: RunTotals, elapsedMs: number): string[] {
    const series = totals.series();
    // The last interval still grows; the one before it is whole.
    const point = series.at(-2) ?? series.at(-1);
    const perSecond = point === undefined ? 0 : (point.succeeded / point.lengthMs) * 1000;
    const { measured } = totals;
    return [
      this.progress(totals, elapsedMs),
      `  ${countText(perSecond)}/s   ${countText(answeredOf(measured))} answers   ` +
        `${countText(totals.openConnections)} connections   ` +
        `${bytesText(point === undefined ? 0 : (point.bytesIn / point.lengthMs) * 1000)}/s`,
      `  p50 ${timeText(point?.p50Ms ?? 0)}   p90 ${timeText(point?.p90Ms ?? 0)}   ` +
        `p99 ${timeText(point?.p99Ms ?? 0)}   max ${timeText(point?.maxMs ?? 0)}`,
      `  ${errorsText(totals)}`,
    ];
  }

  private progress(totals: RunTotals, elapsedMs: number): string {
    const { runMs, count, warmUpMs } = this.options;
    const done = count > 0 ? answeredOf(totals.measured) / count : elapsedMs / runMs;
    const share = Math.min(1, Math.max(0, done));
    const cells = Math.round(share * BAR_CELLS);
    const bar = `${"█".repeat(cells)}${"░".repeat(BAR_CELLS - cells)}`;
    const phase = elapsedMs < warmUpMs ? "  warm-up" : "";
    const goal = count > 0 ? `${countText(count)} requests` : timeText(runMs);
    return `  ${bar} ${Math.round(share * 100)} % of ${goal}${phase}`;
  }
}

function errorsText({ measured }: RunTotals): string {
  if (measured.failed === 0) return "no failures";
  const kinds = ERROR_NAMES.map(
    (name, kind) => [name, measured.row[COUNT_ERROR_BASE + kind]!] as const,
  )
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  return `${countText(measured.failed)} failed   ${kinds.join("   ")}`;
}
