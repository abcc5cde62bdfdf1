import { describe, expect, test } from "bun:test";
import { LiveView } from "../../src/webbench/live-view.ts";
import { RunTotals } from "../../src/webbench/run-totals.ts";
import { COUNT_ERROR_BASE } from "../../src/webbench/tally.ts";
import { countsReport } from "./sample-result.ts";

class FakeTerminal {
  text = "";
  readonly columns: number = 80;

  write(text: string): void {
    this.text += text;
  }

  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }
}

function viewOf(
  terminal: FakeTerminal | null,
  count = 0,
): { view: LiveView; clock: { ms: number } } {
  const clock = { ms: 1 };
  const options = { runMs: 10_000, warmUpMs: 0, count, terminal, nowMs: () => clock.ms };
  return { view: new LiveView(options), clock };
}

const totals = new RunTotals(1, 100);
totals.add(0, countsReport({ 1: 500 }, 2));
totals.add(0, countsReport({ 1: 10, [COUNT_ERROR_BASE]: 3 }, 2, { elapsedMs: 200 }));

describe("LiveView", () => {
  test("shows progress, throughput, latencies and errors, and redraws in place", () => {
    const terminal = new FakeTerminal();
    const { view, clock } = viewOf(terminal);
    view.show(totals);
    const first = terminal.take();
    expect(first).toContain("0 % of 10.0 s");
    expect(first).toContain("5,000/s");
    expect(first).toContain("p99 2.00 ms");
    expect(first).toContain("3 failed   refused 3");
    expect(first).not.toContain("\x1b[4A");
    clock.ms += 5_000;
    view.show(totals);
    expect(terminal.take()).toMatch(/^\x1b\[4A.*█{15}░{15} 50 %/s);
  });

  test("does not draw more often than a few times a second", () => {
    const terminal = new FakeTerminal();
    const { view, clock } = viewOf(terminal);
    for (let report = 0; report < 100; report++, clock.ms += 1) view.show(totals);
    expect(terminal.take().match(/of 10\.0 s/g)).toHaveLength(1);
  });

  test("never writes a line that a narrow terminal would break", () => {
    const terminal = Object.assign(new FakeTerminal(), { columns: 20 });
    viewOf(terminal).view.show(totals);
    for (const line of terminal.take().split("\n")) {
      expect(line.replace("\x1b[2K", "").length).toBeLessThan(20);
    }
  });

  test("leaves the terminal as it was", () => {
    const terminal = new FakeTerminal();
    const { view } = viewOf(terminal);
    view.clear();
    expect(terminal.take()).toBe("");
    view.show(totals);
    terminal.take();
    view.clear();
    view.clear();
    expect(terminal.take()).toBe(`\x1b[4A\r${"\x1b[2K\n".repeat(4)}\x1b[4A\r`);
  });

  test("is silent when there is no terminal", () => {
    viewOf(null).view.show(totals);
  });

  test("measures its progress by the count where that ends the run", () => {
    const terminal = new FakeTerminal();
    viewOf(terminal, 1_020).view.show(totals);
    expect(terminal.take()).toContain("50 % of 1,020 requests");
  });
});
