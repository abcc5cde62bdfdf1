// The options of `millrace webbench`: those of webbench 1.5 with their letters, and those that it
// lacked. What they mean together is in webbench-arguments.ts.

import { parseThreshold, type Threshold } from "../webbench/thresholds.ts";
import { isStatusWord } from "../webbench/status-table.ts";
import type { Stage } from "../webbench/load-plan.ts";
import { parseDuration } from "./durations.ts";
import type { LetterOption } from "./letter-options.ts";
import type { OptionSpec } from "./option-table.ts";

const CLIENTS_MAX = 1_000_000;
const PROCESSES_MAX = 256;
const PIPELINE_MAX = 1024;
const RATE_MAX = 10_000_000;
const COUNT_MAX = 1e12;
const FRAME_PREFIXES = [1, 2, 4];

export const CLASSIC_OPTIONS = {
  force: flag("f", "close right after sending, do not wait for the answer"),
  reload: flag("r", "send Pragma: no-cache"),
  time: option("t", time(), "how long (30; a bare number is seconds)"),
  proxy: option("p", text("HOST:PORT", "a proxy such as 127.0.0.1:3128"), "go through a proxy"),
  clients: option("c", whole("N", 1, CLIENTS_MAX), "concurrent clients (1; 64 when not classic)"),
  http09: flag("9", "HTTP/0.9"),
  http10: flag("1", "HTTP/1.0 (the classic default)"),
  http11: flag("2", "HTTP/1.1"),
  get: flag(undefined, "GET (default)"),
  head: flag(undefined, "HEAD"),
  options: flag(undefined, "OPTIONS"),
  trace: flag(undefined, "TRACE"),
} as const;

export const LOAD_OPTIONS = {
  processes: option("P", whole("N", 1, PROCESSES_MAX), "load processes (one a core)"),
  keepalive: flag("k", "HTTP/1.1, connections are kept"),
  classic: flag(undefined, "a connection per request, as when only classic options are given"),
  pipeline: option(
    undefined,
    whole("N", 1, PIPELINE_MAX),
    "requests under way on a connection (1)",
  ),
  rate: option("R", real("R", 0.001, RATE_MAX), "open loop: requests/s on schedule, come what may"),
  poisson: flag(undefined, "open loop with random distances"),
  seed: option(undefined, whole("N", 0, 2 ** 31 - 1), "of what is random (1)"),
  stages: option(undefined, stages(), "ramp: clients, or with --rate requests/s"),
  requests: option("n", whole("N", 1, COUNT_MAX), "stop after so many (unlimited)"),
  "warm-up": option(undefined, duration(), "before anything is counted (0)"),
  grace: option(undefined, duration(), "for outstanding answers at the end (0)"),
  timeout: option(undefined, duration(), "of a request (10s)"),
  "connect-timeout": option(undefined, duration(), "of a connection (10s)"),
  "connections-per-second": option(
    undefined,
    real("R", 0.001, RATE_MAX),
    "at most so many new ones",
  ),
  method: option("m", text("NAME", "a method"), "any method"),
  header: option("H", text("LINE", "a header line"), "'Name: value', repeatable"),
  body: option("d", text("TEXT", "a text"), "content of the request (then POST)"),
  "body-file": option(undefined, text("FILE", "a file"), "the same from a file"),
  unix: option(undefined, text("PATH", "a path"), "connect to a Unix socket"),
  insecure: flag(undefined, "https: accept any certificate"),
  success: option(undefined, statuses(), "statuses that are successes (2xx)"),
  payload: option(
    undefined,
    text("TEXT", "a text"),
    "tcp: what to send; \\n, \\r, \\t, \\xNN known",
  ),
  "payload-file": option(undefined, text("FILE", "a file"), "tcp: the same from a file"),
  "reply-bytes": option(undefined, whole("N", 1, 2 ** 31 - 1), "tcp: length of a reply"),
  "reply-delimiter": option(undefined, text("TEXT", "a text"), "tcp: a reply ends with it"),
  frame: option(undefined, prefix(), "tcp: a length of N bytes before payload and reply"),
  compat: flag(undefined, "Host without the port, as webbench 1.5"),
} as const;

export const REPORT_OPTIONS = {
  json: option(undefined, text("FILE|-", "a file or -"), "the result as JSON"),
  csv: { ...option(undefined, text("FILE", "a file"), "the series as CSV"), isOptional: true },
  html: option(undefined, text("FILE", "a file"), "a page with charts"),
  "fail-if": option(undefined, threshold(), "exit code 99 if so; repeatable"),
  compare: flag(undefined, "print two JSON results side by side: --compare A.json B.json"),
  quiet: flag("q", "no live view and no report, only what was asked for"),
  help: flag("h", "this text"),
  usage: flag("?", "the same"),
  version: flag("V", "the version"),
} as const;

export const WEBBENCH_OPTIONS = { ...CLASSIC_OPTIONS, ...LOAD_OPTIONS, ...REPORT_OPTIONS } as const;

type Flag = LetterOption<never> & { readonly value: null };
type Valued<Value> = LetterOption<Value> & { readonly value: OptionSpec<Value> };

function flag(letter: string | undefined, help: string): Flag {
  return { ...(letter === undefined ? {} : { letter }), help, value: null };
}

function option<Value>(
  letter: string | undefined,
  value: OptionSpec<Value>,
  help: string,
): Valued<Value> {
  return { ...(letter === undefined ? {} : { letter }), help, value };
}

function spec<Value>(
  placeholder: string,
  expected: string,
  parse: (text: string) => Value | null,
): OptionSpec<Value> {
  return { placeholder, expected, parse, help: "" };
}

function text(placeholder: string, expected: string): OptionSpec<string> {
  return spec(placeholder, expected, (given) => (given === "" ? null : given));
}

function whole(placeholder: string, least: number, most: number): OptionSpec<number> {
  return spec(placeholder, `a number between ${least} and ${most}`, (given) => {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    return value >= least && value <= most ? value : null;
  });
}

function real(placeholder: string, least: number, most: number): OptionSpec<number> {
  return spec(placeholder, `a number between ${least} and ${most}`, (given) => {
    const value = /^\d{1,15}(?:\.\d{1,9})?$/.test(given) ? Number(given) : Number.NaN;
    return value >= least && value <= most ? value : null;
  });
}

function time(): OptionSpec<number> {
  return spec("SEC", "a time above 0 such as 10, 10s, 500ms or 2m", (given) => {
    return parseDuration(/^\d+(?:\.\d+)?$/.test(given) ? `${given}s` : given) || null;
  });
}

function duration(): OptionSpec<number> {
  return spec("TIME", "a duration such as 60s, 500ms or 2m", parseDuration);
}

function stages(): OptionSpec<readonly Stage[]> {
  return spec("LIST", "stages such as 10s:100,30s:1000", (given) => {
    const list = given.split(",").map((part) => {
      const match = /^(.+):(\d{1,12}(?:\.\d{1,6})?)$/.exec(part.trim());
      const ms = match === null ? null : parseDuration(match[1]!);
      const to = Number(match?.[2]);
      return ms === null || ms === 0 || to > RATE_MAX ? null : { ms, to };
    });
    return list.includes(null) ? null : (list as Stage[]);
  });
}

function statuses(): OptionSpec<readonly string[]> {
  return spec("LIST", "statuses such as 2xx,304", (given) => {
    const words = given.toLowerCase().split(",");
    return words.every(isStatusWord) ? words : null;
  });
}

function prefix(): OptionSpec<number> {
  return spec("1|2|4", "1, 2 or 4", (given) => {
    return FRAME_PREFIXES.find((bytes) => String(bytes) === given) ?? null;
  });
}

// Its own errors say more than "is not ...".
function threshold(): OptionSpec<Threshold> {
  return spec("RULE", "a rule such as 'p99>50ms'", parseThreshold);
}
