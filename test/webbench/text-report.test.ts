import { describe, expect, test } from "bun:test";
import {
  COUNT_BYTES_IN,
  COUNT_CUT_CONNECTING,
  COUNT_CUT_OFF,
  COUNT_ERROR_BASE,
  COUNT_RETURNED,
  COUNT_UNSENT,
} from "../../src/webbench/tally.ts";
import { classicLines, headerText, textReport } from "../../src/webbench/text-report.ts";
import { countsReport, sampleResult, SETTINGS } from "./sample-result.ts";

describe("headerText", () => {
  const plain = { force: false, reload: false, proxy: null };

  test("is that of webbench 1.5 to the letter", () => {
    const settings = { ...SETTINGS, protocol: "HTTP/1.0", clients: 1, durationMs: 30_000 };
    expect(headerText({ settings, ...plain })).toBe(
      "\nBenchmarking: GET http://127.0.0.1:8080/hello\n1 client, running 30 sec.\n",
    );
    const more = { ...settings, protocol: "HTTP/1.1", clients: 10, method: "HEAD" };
    const extras = { force: true, reload: true, proxy: "p:3128" };
    expect(headerText({ settings: more, ...extras })).toBe(
      "\nBenchmarking: HEAD http://127.0.0.1:8080/hello (using HTTP/1.1)\n" +
        "10 clients, running 30 sec, early socket close, via proxy server p:3128, " +
        "forcing reload.\n",
    );
  });

  test("says what ends the run", () => {
    expect(headerText({ settings: { ...SETTINGS, count: 5 }, ...plain })).toContain("5 requests.");
  });
});

test("classicLines are those of webbench 1.5 to the letter", () => {
  const result = sampleResult([
    countsReport({ 1: 75, 2: 5, [COUNT_BYTES_IN]: 12_345 }, 1, { coveredMs: 10_000 }),
  ]);
  expect(classicLines(result)).toBe(
    "\nSpeed=480 pages/min, 1234 bytes/sec.\nRequests: 75 susceed, 5 failed.\n",
  );
});

test("classicLines hold numbers beyond 32 bits", () => {
  const counts = { 1: 5e9, [COUNT_BYTES_IN]: 9e12 };
  const result = sampleResult([countsReport(counts, 1, { coveredMs: 1_000 })]);
  expect(classicLines(result)).toContain("Speed=300000000000 pages/min, 9000000000000 bytes/sec.");
});

describe("textReport", () => {
  test("calls a closed loop a closed loop", () => {
    const text = textReport(sampleResult([countsReport({ 1: 10 })]));
    expect(text).toContain("Closed loop, kept connections: 100.0 answers/s");
    expect(text).toContain("see --rate");
    expect(text).not.toContain("from sending");
    expect(text).not.toMatch(/cut off|errors|LOST|INTERRUPTED|never sent|warm-up/);
  });

  test("shows both latencies of an open loop", () => {
    const open = { loop: "open", rate: 500, poisson: true, connections: "per request" } as const;
    const text = textReport(sampleResult([countsReport({ 1: 10 })], open));
    expect(text).toContain(
      "Open loop, a connection per request, 500 requests/s asked for, Poisson",
    );
    expect(text).toContain("no coordinated omission");
    expect(text).toContain("from sending");
  });

  test("has a line for everything that could make a figure look better", () => {
    const counts = {
      0: 24,
      1: 10,
      [COUNT_CUT_OFF]: 3,
      [COUNT_CUT_CONNECTING]: 1,
      [COUNT_UNSENT]: 7,
      [COUNT_RETURNED]: 2,
      [COUNT_ERROR_BASE]: 4,
    };
    const { tally, ...rest } = countsReport(counts);
    const report = { ...rest, tally: { ...tally, reasons: [["ECONNREFUSED", 4] as const] } };
    const lost = ["load process 1 of 1 was killed by SIGKILL"];
    const result = sampleResult([{ ...report, cpuMs: 99 }], {}, { lost, interrupted: true });
    const text = textReport(result);
    expect(text).toContain("errors: refused 4\n");
    expect(text).toContain("reasons: ECONNREFUSED 4\n");
    expect(text).toContain(
      "cut off by the end: 3, neither success nor failure, 1 of them connecting",
    );
    expect(text).toContain("never sent: 7");
    expect(text).toContain("asked again: 2");
    expect(text).toContain("WARNING: the generator had no time left");
    expect(text).toContain("LOST: load process 1 of 1 was killed by SIGKILL");
    expect(text).toContain("LOST: 5 requests with an unknown end");
    expect(text).toContain("INTERRUPTED");
  });
});
