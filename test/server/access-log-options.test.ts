import { expect, test } from "bun:test";
import {
  type RequestLogOptions,
  requestLogProblem,
  resolveAccessLog,
} from "../../src/server/access-log-options.ts";
import { http } from "../../src/server/service.ts";
import { resolveSettings } from "../../src/server/settings.ts";

const machine = { processors: 1, fdLimit: 1000 };
const problemOf = (options: unknown): string | null =>
  requestLogProblem(options as RequestLogOptions);

test("requestLogProblem finds none in what may be said", () => {
  for (const accessLog of ["-", "a.log", { file: "a" }, { file: "-", format: "json" as const }]) {
    expect(requestLogProblem({ accessLog })).toBe(null);
  }
  expect(requestLogProblem({})).toBe(null);
  expect(requestLogProblem({ requestId: false, slowRequestMs: 0 })).toBe(null);
  expect(requestLogProblem({ requestId: true, slowRequestMs: 2 ** 31 - 1 })).toBe(null);
});

test("requestLogProblem names the option that is wrong", () => {
  for (const accessLog of ["", null, 1, true, {}, { file: "" }, { file: 3 }, "a\0b", []]) {
    expect(problemOf({ accessLog })).toBe('accessLog must be a path or "-", or { file, format }');
  }
  for (const format of ["common", "", null, 1]) {
    expect(problemOf({ accessLog: { file: "a", format } })).toBe(
      "accessLog.format must be one of combined, json",
    );
  }
  for (const requestId of ["on", 1, null]) {
    expect(problemOf({ requestId })).toBe("requestId must be true or false");
  }
  for (const slowRequestMs of [-1, 0.5, 2 ** 31, Number.NaN, "1s", null]) {
    expect(problemOf({ slowRequestMs })).toStartWith(`slowRequestMs: ${slowRequestMs} is not`);
  }
});

test("http and resolveSettings refuse it in one clear line", () => {
  const wrong = { accessLog: { file: "a", format: "xml" } } as unknown as RequestLogOptions;
  const fetch = (): Response => new Response();
  expect(() => http({ fetch, ...wrong })).toThrow(
    "Cannot make an http listener: accessLog.format must be one of combined, json",
  );
  expect(() => resolveSettings(wrong, machine)).toThrow("accessLog.format must be one of");
  expect(() => resolveSettings({ slowRequestMs: -1 }, machine)).toThrow("slowRequestMs: -1 is not");
});

test("resolveSettings keeps what is said and leaves out what is not", () => {
  expect(Object.keys(resolveSettings({ accessLog: undefined }, machine))).not.toContain(
    "accessLog",
  );
  const settings = resolveSettings(
    { accessLog: "a.log", requestId: false, slowRequestMs: 0 },
    machine,
  );
  expect(settings.accessLog).toEqual({ file: `${process.cwd()}/a.log`, format: "combined" });
  expect([settings.requestId, settings.slowRequestMs]).toEqual([false, 0]);
  expect(structuredClone(settings)).toEqual(settings);
});

test("resolveAccessLog makes paths mean the same everywhere, but for standard output", () => {
  expect(resolveAccessLog("-")).toEqual({ file: "-", format: "combined" });
  expect(resolveAccessLog({ file: "/var/log/a", format: "json" })).toEqual({
    file: "/var/log/a",
    format: "json",
  });
  expect(resolveAccessLog("./-").file).toBe(`${process.cwd()}/-`);
});
