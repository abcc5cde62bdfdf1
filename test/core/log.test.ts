// The log: one event one line, whatever the text holds.

import { describe, expect, spyOn, test } from "bun:test";
import { createLog, escapeControls, LOG_LEVELS, silentLog } from "../../src/core/log.ts";

function capture(options: Parameters<typeof createLog>[0] = {}): {
  lines: string[];
  log: ReturnType<typeof createLog>;
} {
  const lines: string[] = [];
  const now = () => new Date(Date.UTC(2026, 10, 23, 6, 2, 22));
  const log = createLog({ write: (line) => void lines.push(line), now, ...options });
  return { lines, log };
}

describe("createLog", () => {
  test("writes time, level, name and text, and ends the line", () => {
    const { lines, log } = capture({ name: "worker 1" });
    log.warn("exited with code 1");
    expect(lines).toEqual(["2026-11-23T06:02:22.000Z warn worker 1: exited with code 1\n"]);
  });

  test("needs no name", () => {
    const { lines, log } = capture();
    log.info("ready");
    expect(lines).toEqual(["2026-11-23T06:02:22.000Z info ready\n"]);
  });

  test("drops what is below its level, for every level", () => {
    LOG_LEVELS.forEach((level, least) => {
      const { lines, log } = capture({ level });
      const { debug, info, warn, error } = log;
      [debug, info, warn, error].forEach((emit) => emit("x"));
      const kept = lines.map((line) => line.split(" ")[1]!);
      expect(kept).toEqual(LOG_LEVELS.slice(least).filter((name) => name !== "silent"));
    });
  });

  test("a hostile text cannot forge a second line or steer a terminal", () => {
    const { lines, log } = capture({ level: "debug" });
    const hostile = [
      "a\n2026-11-23T06:02:22.000Z error forged",
      "a\r\nb",
      "\u001b[2J\u001b]0;title\u0007",
      "a\u0085b\u2028c\u2029d\u009bm",
      "\u0000\u007f",
    ];
    for (const text of hostile) {
      log.debug(text);
      log.error(text);
    }
    expect(lines).toHaveLength(2 * hostile.length);
    for (const line of lines) {
      expect(line.endsWith("\n")).toBe(true);
      expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    }
  });

  test("goes to standard error by default, with the time of now", () => {
    const written = spyOn(process.stderr, "write").mockImplementation(() => true);
    try {
      createLog().error("visible");
      silentLog.error("invisible");
      expect(written).toHaveBeenCalledTimes(1);
      const line = String(written.mock.calls[0]![0]);
      expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z error visible\n$/);
    } finally {
      written.mockRestore();
    }
  });
});

describe("escapeControls", () => {
  test("escapes each control character by its code and leaves all else", () => {
    expect(escapeControls("a\tb\nc\u001bd\u007fe")).toBe("a\\x09b\\x0ac\\x1bd\\x7fe");
    expect(escapeControls("\u2028")).toBe("\\x2028");
    const printable = "plain ~ text, ÄÖÜ, 漢字, \u{1f600}, \\x0a, \u00a0";
    expect(escapeControls(printable)).toBe(printable);
    expect(escapeControls("")).toBe("");
  });

  test("leaves no control character of the first 256", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    const escaped = escapeControls(all);
    expect(escaped).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(escaped.length).toBe(256 + 3 * (32 + 33));
  });
});
