import { expect, test } from "bun:test";
import { Terminal } from "../../src/master/terminal.ts";

test("Terminal knows that it has just gone, and that it never was", () => {
  let there = true;
  const terminal = new Terminal(() => there);
  expect(terminal.hasJustGone()).toBe(false);
  there = false;
  expect(terminal.hasJustGone()).toBe(true);
  expect(new Terminal(() => there).hasJustGone()).toBe(false);
});

test("Terminal that went away before the last look has not just gone", () => {
  let look: () => void = () => undefined;
  const original = globalThis.setInterval;
  const timers: unknown[] = [];
  globalThis.setInterval = ((callback: () => void) => {
    look = callback;
    const timer = original(() => undefined, 1 << 30);
    timers.push(timer);
    return timer;
  }) as typeof setInterval;
  try {
    let there = true;
    const terminal = new Terminal(() => there);
    terminal.watch();
    look();
    expect(terminal.hasJustGone()).toBe(false);
    there = false;
    look();
    expect(terminal.hasJustGone()).toBe(false);
    new Terminal(() => false).watch();
    expect(timers.length).toBe(1); // what was never there is not watched
    terminal.unwatch();
  } finally {
    globalThis.setInterval = original;
  }
});
