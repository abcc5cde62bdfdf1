// What a command line of `millrace webbench` asks for as a whole: a load plan, what becomes of the
// result, and how the run is described. Everything that does not fit together is refused here,
// before a process is spawned.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { messageOf } from "../core/errors.ts";
import { METHOD_NAMES, METHOD_OTHER } from "../http/methods.ts";
import type { LoadPlan, Origin, PlannedRequest, ReplyFormat } from "../webbench/load-plan.ts";
import {
  buildRequest,
  checkMethod,
  framePayload,
  type HttpVersion,
} from "../webbench/request-bytes.ts";
import type { RunSettings } from "../webbench/run-result.ts";
import { processesFor } from "../webbench/share-plan.ts";
import { levelMax, stagesMs } from "../webbench/stage-level.ts";
import { parseTarget, type Target } from "../webbench/target.ts";
import type { Threshold } from "../webbench/thresholds.ts";
import { formatDuration } from "./durations.ts";
import { type LetterValues, parseLetters } from "./letter-options.ts";
import { usageError } from "./option-table.ts";
import { LOAD_OPTIONS, WEBBENCH_OPTIONS } from "./webbench-options.ts";

const TIME_MS_DEFAULT = 30_000;
const COUNT_MS_MAX = 24 * 3_600_000; // of a run that ends by its count
const TIMEOUT_MS_DEFAULT = 10_000;
const CLIENTS_DEFAULT = 64;
const TICK_MS_MIN = 100;
const TICK_MS_MAX = 500;
const TICKS_PER_RUN = 40;
const PROXY_PORT_DEFAULT = 80;

/** They say how much, how long and what counts, but not in which manner connections are used. */
const MANNERLESS: ReadonlySet<string> = new Set([
  ...["processes", "classic", "grace", "timeout", "connect-timeout", "success", "compat"],
  ...["unix", "insecure", "seed"],
]);

export interface WebbenchRun {
  readonly plan: LoadPlan;
  readonly processes: number;
  readonly settings: RunSettings;
  readonly force: boolean;
  readonly reload: boolean;
  readonly proxy: string | null;
}

export interface WebbenchReports {
  readonly json: string | null;
  readonly csv: string | null;
  readonly html: string | null;
  readonly quiet: boolean;
  readonly thresholds: readonly Threshold[];
}

export type WebbenchArguments =
  | { readonly command: "help" | "version" }
  | { readonly command: "compare"; readonly files: readonly [string, string] }
  | { readonly command: "run"; readonly run: WebbenchRun; readonly reports: WebbenchReports };

type Values = LetterValues<typeof WEBBENCH_OPTIONS>;

/** Throws MillraceError ERR_USAGE. */
export function parseWebbenchArguments(args: readonly string[]): WebbenchArguments {
  const given = args[0] === "--" ? args.slice(1) : args;
  const { values, positionals } = parseLetters(WEBBENCH_OPTIONS, given);
  if (values.help || values.usage) return { command: "help" };
  if (values.version) return { command: "version" };
  if (values.compare) {
    if (positionals.length !== 2) throw usageError("--compare: needs two results, A.json B.json");
    return { command: "compare", files: [positionals[0]!, positionals[1]!] };
  }
  if (positionals.length === 0) throw usageError("a URL is missing, try --help");
  const run = runOf(values, positionals.map(parseTarget));
  return { command: "run", run, reports: reportsOf(values) };
}

function reportsOf(values: Values): WebbenchReports {
  const csv = values.csv?.at(-1);
  return {
    json: values.json?.at(-1) ?? null,
    csv: csv === undefined ? null : csv === "" ? "-" : csv,
    html: values.html?.at(-1) ?? null,
    quiet: values.quiet !== undefined,
    thresholds: values["fail-if"] ?? [],
  };
}

interface Manner {
  readonly isTcp: boolean;
  readonly isClassic: boolean;
  readonly perRequest: boolean;
  readonly version: HttpVersion;
  readonly method: string;
}

function runOf(values: Values, targets: readonly Target[]): WebbenchRun {
  const manner = mannerOf(values, targets);
  refuseContradictions(values, manner);
  const proxy = values.proxy?.at(-1) === undefined ? null : proxyOf(values.proxy.at(-1)!);
  const plan = planOf(values, targets, manner, proxy);
  return {
    plan,
    processes: processesFor(plan, values.processes?.at(-1) ?? availableParallelism()),
    settings: settingsOf(values, targets, manner, plan),
    force: values.force !== undefined,
    reload: values.reload !== undefined,
    proxy: proxy === null ? null : `${proxy.hostname}:${proxy.port}`,
  };
}

function mannerOf(values: Values, targets: readonly Target[]): Manner {
  const isTcp = targets[0]!.protocol === "tcp";
  if (targets.some(({ protocol }) => (protocol === "tcp") !== isTcp)) {
    throw usageError("tcp and http cannot be mixed in one run");
  }
  const shapes = Object.keys(LOAD_OPTIONS).filter((name) => !MANNERLESS.has(name));
  const isShaped = shapes.some((name) => values[name as keyof Values] !== undefined);
  const isClassic = !isTcp && (values.classic !== undefined || !isShaped);
  const method = isTcp ? "" : methodOf(values);
  const perRequest = isClassic || values.force !== undefined || values.http09 !== undefined;
  return { isTcp, isClassic, perRequest, method, version: versionOf(values, method, isClassic) };
}

function methodOf(values: Values): string {
  if (values.method !== undefined) return checkMethod(values.method.at(-1)!);
  for (const name of ["head", "options", "trace"] as const) {
    if (values[name] !== undefined) return name.toUpperCase();
  }
  return values.body === undefined && values["body-file"] === undefined ? "GET" : "POST";
}

/** As webbench 1.5: HEAD needs at least 1.0, OPTIONS and TRACE need 1.1. */
function versionOf(values: Values, method: string, isClassic: boolean): HttpVersion {
  if (values.http11 !== undefined || method === "OPTIONS" || method === "TRACE") return "1.1";
  if (values.http10 !== undefined) return "1.0";
  if (values.http09 !== undefined) return method === "GET" ? "0.9" : "1.0";
  return isClassic ? "1.0" : "1.1";
}

function refuseContradictions(values: Values, manner: Manner): void {
  const never = (name: keyof Values, reason: string): void => {
    if (values[name] !== undefined) throw usageError(`--${name}: ${reason}`);
  };
  if (values.classic !== undefined) never("keepalive", "excludes --classic");
  if (manner.perRequest) never("pipeline", "needs kept connections");
  if (manner.perRequest && !manner.isClassic) never("keepalive", "excludes --force and --http09");
  if (values.rate === undefined) never("poisson", "needs --rate");
  if (values.body !== undefined) never("body-file", "excludes --body");
  if (values.unix !== undefined) never("proxy", "excludes --unix");
  const tcpOnly = ["payload", "payload-file", "reply-bytes", "reply-delimiter", "frame"] as const;
  const httpOnly = ["method", "header", "body", "body-file", "proxy", "success", "force"] as const;
  if (!manner.isTcp) for (const name of tcpOnly) never(name, "is for tcp:// only");
  if (manner.isTcp) for (const name of httpOnly) never(name, "is for http only");
}

function planOf(
  values: Values,
  targets: readonly Target[],
  manner: Manner,
  proxy: Proxy | null,
): LoadPlan {
  const { origins, requests } = connectionsOf(values, targets, manner, proxy);
  const stages = values.stages?.at(-1);
  const rate = values.rate?.at(-1);
  const count = values.requests?.at(-1) ?? 0;
  const clientsGiven = values.clients?.at(-1) ?? (manner.isClassic ? 1 : CLIENTS_DEFAULT);
  const isRamp = stages !== undefined && rate === undefined;
  const startAt = rate ?? (isRamp && values.clients === undefined ? 0 : clientsGiven);
  const durationMs = durationOf(values, count);
  return {
    origins,
    requests,
    reply: replyOf(values, manner),
    clients: Math.max(1, isRamp ? levelMax(startAt, stages) : clientsGiven),
    perRequest: manner.perRequest,
    pipeline: values.pipeline?.at(-1) ?? 1,
    success: values.success?.at(-1) ?? ["2xx"],
    open:
      rate === undefined
        ? null
        : { poisson: values.poisson !== undefined, seed: values.seed?.at(-1) ?? 1 },
    stages: stages ?? [{ ms: durationMs, to: startAt }],
    startAt,
    count,
    warmUpMs: values["warm-up"]?.at(-1) ?? 0,
    durationMs,
    graceMs: values.grace?.at(-1) ?? 0,
    timeoutMs: positive("timeout", values.timeout?.at(-1) ?? TIMEOUT_MS_DEFAULT),
    connectTimeoutMs: positive(
      "connect-timeout",
      values["connect-timeout"]?.at(-1) ?? TIMEOUT_MS_DEFAULT,
    ),
    connectionsPerSecond: values["connections-per-second"]?.at(-1) ?? 0,
    tickMs: Math.min(TICK_MS_MAX, Math.max(TICK_MS_MIN, Math.round(durationMs / TICKS_PER_RUN))),
  };
}

function positive(name: string, ms: number): number {
  if (ms > 0) return ms;
  throw usageError(`--${name}: must be above 0`);
}

function durationOf(values: Values, count: number): number {
  const stages = values.stages?.at(-1);
  const time = values.time?.at(-1);
  if (stages !== undefined) {
    if (time !== undefined) throw usageError("--time: excludes --stages, which say how long");
    return stagesMs(stages);
  }
  return time ?? (count > 0 ? COUNT_MS_MAX : TIME_MS_DEFAULT);
}

function connectionsOf(
  values: Values,
  targets: readonly Target[],
  manner: Manner,
  proxy: Proxy | null,
): { origins: Origin[]; requests: PlannedRequest[] } {
  const origins: Origin[] = [];
  const payload = manner.isTcp ? payloadOf(values) : bodyOf(values);
  const requests = targets.map((target) => {
    const wanted = originOf(values, target, proxy);
    const known = origins.findIndex((each) => JSON.stringify(each) === JSON.stringify(wanted));
    const origin = known >= 0 ? known : origins.push(wanted) - 1;
    const bytes = manner.isTcp
      ? payload!
      : buildRequest(target, {
          method: manner.method,
          version: manner.version,
          closes: manner.perRequest,
          isClassic: manner.isClassic,
          isCompat: values.compat !== undefined,
          reload: values.reload !== undefined,
          viaProxy: proxy !== null,
          headers: values.header ?? [],
          body: payload,
        });
    const method = Math.max(METHOD_OTHER, METHOD_NAMES.indexOf(manner.method));
    return { origin, weight: target.weight, method, bytes: Buffer.from(bytes).toString("base64") };
  });
  return { origins, requests };
}

function originOf(values: Values, target: Target, proxy: Proxy | null): Origin {
  const unix = values.unix?.at(-1) ?? null;
  const isTls = target.protocol === "https";
  if (isTls && proxy !== null) throw usageError("--proxy: https through a proxy is not supported");
  const { hostname, port } = proxy ?? target;
  const verify = values.insecure === undefined;
  return {
    name: unix === null ? `${hostname}:${port}` : `unix:${unix}`,
    hostname,
    port,
    unix,
    tls: isTls ? { serverName: target.hostname, verify } : null,
  };
}

function replyOf(values: Values, manner: Manner): ReplyFormat {
  if (!manner.isTcp) {
    if (values.force !== undefined) return { kind: "none" };
    return { kind: manner.version === "0.9" ? "http09" : "http" };
  }
  const formats: ReplyFormat[] = [];
  const [bytes, delimiter] = [values["reply-bytes"]?.at(-1), values["reply-delimiter"]?.at(-1)];
  const prefixBytes = values.frame?.at(-1);
  if (bytes !== undefined) formats.push({ kind: "length", bytes });
  if (prefixBytes !== undefined) formats.push({ kind: "frame", prefixBytes });
  if (delimiter !== undefined) {
    formats.push({ kind: "delimiter", base64: unescapeText(delimiter).toString("base64") });
  }
  if (formats.length === 1) return formats[0]!;
  throw usageError("tcp needs one of --reply-bytes, --reply-delimiter and --frame");
}

function payloadOf(values: Values): Buffer {
  const file = values["payload-file"]?.at(-1);
  const text = values.payload?.at(-1);
  if ((file === undefined) === (text === undefined)) {
    throw usageError("tcp needs one of --payload and --payload-file");
  }
  const payload = file === undefined ? unescapeText(text!) : readBytes("payload-file", file);
  const prefixBytes = values.frame?.at(-1);
  if (payload.length === 0) throw usageError("--payload-file: it is empty");
  return prefixBytes === undefined ? payload : framePayload(payload, prefixBytes);
}

function bodyOf(values: Values): Buffer | null {
  const file = values["body-file"]?.at(-1);
  if (file !== undefined) return readBytes("body-file", file);
  const text = values.body?.at(-1);
  return text === undefined ? null : Buffer.from(text);
}

function readBytes(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw usageError(`--${option}: cannot read "${path}": ${messageOf(error)}`);
  }
}

/** \n, \r, \t, \0, \\ and \xNN as in C; any other text is UTF-8. */
export function unescapeText(text: string): Buffer {
  const letters: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0" };
  const parts = text.split(/(\\x[0-9a-fA-F]{2}|\\.)/);
  const bytes = parts.map((part) => {
    if (part.startsWith("\\x")) return Buffer.from(part.slice(2), "hex");
    if (!part.startsWith("\\")) return Buffer.from(part);
    return Buffer.from(letters[part[1]!] ?? part.slice(1));
  });
  return Buffer.concat(bytes);
}

interface Proxy {
  readonly hostname: string;
  readonly port: number;
}

function proxyOf(text: string): Proxy {
  const parsed = URL.parse(`http://${text}`);
  if (parsed === null || parsed.pathname !== "/" || parsed.username !== "") {
    throw usageError(`--proxy: "${text}" is not a host with a port, such as 127.0.0.1:3128`);
  }
  const port = parsed.port === "" ? PROXY_PORT_DEFAULT : Number(parsed.port);
  return { hostname: parsed.hostname.replace(/^\[(.*)\]$/, "$1"), port };
}

function settingsOf(
  values: Values,
  targets: readonly Target[],
  manner: Manner,
  plan: LoadPlan,
): RunSettings {
  const weight = (target: Target): string => (target.weight === 1 ? "" : `${target.weight}=`);
  const stages = values.stages?.at(-1) ?? [];
  return {
    urls: targets.map((target) => `${weight(target)}${target.url}`),
    method: manner.method,
    protocol: manner.isTcp ? "TCP" : `HTTP/${manner.version}`,
    loop: plan.open === null ? "closed" : "open",
    connections: plan.perRequest ? "per request" : "kept",
    clients: plan.clients,
    pipeline: plan.pipeline,
    rate: plan.open === null ? 0 : plan.startAt,
    poisson: plan.open?.poisson ?? false,
    stages: stages.map(({ ms, to }) => `${formatDuration(ms)}:${to}`).join(","),
    durationMs: plan.durationMs,
    count: plan.count,
  };
}
