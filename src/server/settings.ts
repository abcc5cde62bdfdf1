// What a worker is told about its limits and times. The master resolves it once from the command
// line (or from the options of serve()), and every worker gets the same frozen copy in its start
// message: a plain object, so that it can be cloned between threads. Components copy the
// numbers they need into fields when they are built; nobody reads settings on the data path.

import { MillraceError } from "../core/errors.ts";
import {
  BACKLOG_DEFAULT,
  BODY_BYTES_MAX_DEFAULT,
  BODY_WINDOW_BYTES_MIN,
  BODY_WINDOW_MS,
  CONNECTIONS_PER_WORKER_MAX,
  DRAIN_TIMEOUT_MS,
  FDS_OF_PROCESS,
  FDS_OF_WORKER,
  FD_SHARE_FOR_CONNECTIONS,
  HEAD_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  HEADERS_MAX,
  HEAD_BYTES_MAX,
  MEMORY_LIMIT_BYTES_DEFAULT,
  MEMORY_LIMIT_BYTES_MAX,
  MEMORY_LIMIT_BYTES_MIN,
  MIB,
  READY_TIMEOUT_MS,
  TARGET_BYTES_MAX,
  TRAILER_BYTES_MAX,
  WORKERS_MAX,
  WRITE_BYTES_MIN,
  WRITE_STALL_MS,
} from "../core/limits.ts";
import type { TlsOptions } from "../net/tls.ts";
import {
  type AccessLogOptions,
  requestLogProblem,
  resolveAccessLog,
} from "./access-log-options.ts";
import {
  HTTP_LIMIT_NAMES,
  type HttpLimitName,
  httpLimitProblem,
  type HttpLimits,
  httpLimitsOf,
  isBetween,
  MAX_DELAY_MS,
} from "./http-limit-options.ts";

/** How bytes move: by io_uring where the system has it, only by it, or by Bun's own sockets. */
export const IO_KINDS = ["auto", "uring", "bun"] as const;
export type IoKind = (typeof IO_KINDS)[number];

export interface ServerSettings extends HttpLimits {
  /** Workers of the process: 1..WORKERS_MAX. */
  readonly workers: number;
  /** Open connections of one worker; at the limit it stops accepting. */
  readonly maxConnections: number;
  /** Buffers of the whole process, in bytes. */
  readonly memoryLimitBytes: number;
  /** A peer that takes less than `writeBytesMin` while an answer waits for it for so long is cut
   *  off; 0 is never. */
  readonly writeStallMs: number;
  /** The least that it must take in each `writeStallMs`; 1 is any byte. */
  readonly writeBytesMin: number;
  /** From the wish to stop to the end of the last connection, at most. */
  readonly drainTimeoutMs: number;
  /** For a worker to load its service, and again to start; 0 is no limit. */
  readonly readyTimeoutMs: number;
  /** Connections that the kernel keeps for us before they are accepted, per worker and listener. */
  readonly backlog: number;
  /** "uring" refuses to start without io_uring. TLS is always Bun's. */
  readonly io: IoKind;
  /** Makes the service's main listener speak TLS; otherwise it is as the service says. */
  readonly tls?: TlsOptions;
  /** The next three, if they are set, go before what the listeners of the service say. */
  readonly accessLog?: string | AccessLogOptions;
  readonly requestId?: boolean;
  readonly slowRequestMs?: number;
  /** The limits that were asked for, not filled in: they go before what the listeners say. */
  readonly asked: readonly HttpLimitName[];
}

export type ServerSettingsInput = {
  readonly [Name in Exclude<keyof ServerSettings, "asked">]?: ServerSettings[Name] | undefined;
};

export interface Machine {
  /** Workers when nothing is said: the processors this process may use. */
  readonly processors: number;
  /** RLIMIT_NOFILE of the process; Infinity where there is none. */
  readonly fdLimit: number;
  /** Memory that the process may use, in bytes; unlimited if nothing is said. */
  readonly memoryBytes?: number;
}

/** Fills in the defaults and checks every value; throws MillraceError ERR_USAGE. */
export function resolveSettings(input: ServerSettingsInput, machine: Machine): ServerSettings {
  const workers = input.workers ?? Math.min(Math.max(machine.processors, 1), WORKERS_MAX);
  requireInteger("workers", workers, 1, WORKERS_MAX);
  const settings: ServerSettings = {
    workers,
    maxConnections: input.maxConnections ?? connectionsPerWorker(machine.fdLimit, workers),
    memoryLimitBytes: input.memoryLimitBytes ?? defaultMemoryLimit(machine.memoryBytes),
    ...httpLimitsOf(input, HTTP_LIMITS_DEFAULT, []),
    asked: Object.freeze(HTTP_LIMIT_NAMES.filter((name) => input[name] !== undefined)),
    writeStallMs: input.writeStallMs ?? WRITE_STALL_MS,
    writeBytesMin: input.writeBytesMin ?? WRITE_BYTES_MIN,
    drainTimeoutMs: input.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
    readyTimeoutMs: input.readyTimeoutMs ?? READY_TIMEOUT_MS,
    backlog: input.backlog ?? BACKLOG_DEFAULT,
    io: input.io ?? "auto",
    ...(input.tls === undefined ? {} : { tls: input.tls }),
    ...requestLogSettings(input),
  };
  checkSettings(settings, machine);
  return Object.freeze(settings);
}

const HTTP_LIMITS_DEFAULT: HttpLimits = {
  idleTimeoutMs: IDLE_TIMEOUT_MS,
  headTimeoutMs: HEAD_TIMEOUT_MS,
  bodyTimeoutMs: BODY_WINDOW_MS,
  bodyBytesMin: BODY_WINDOW_BYTES_MIN,
  bodyBytesMax: BODY_BYTES_MAX_DEFAULT,
  targetBytesMax: TARGET_BYTES_MAX,
  headBytesMax: HEAD_BYTES_MAX,
  headerBytesMax: HEADER_BYTES_MAX,
  headersMax: HEADERS_MAX,
  trailerBytesMax: TRAILER_BYTES_MAX,
};

function requestLogSettings({ accessLog, requestId, slowRequestMs }: ServerSettingsInput): object {
  const problem = requestLogProblem({ accessLog, requestId, slowRequestMs });
  if (problem !== null) throw new MillraceError("ERR_USAGE", problem);
  return {
    ...(accessLog === undefined ? {} : { accessLog: resolveAccessLog(accessLog) }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(slowRequestMs === undefined ? {} : { slowRequestMs }),
  };
}

/** The share of one worker in the descriptors of the process; the rest is for files and logs. */
export function connectionsPerWorker(fdLimit: number, workers: number): number {
  const spare = fdLimit - FDS_OF_PROCESS - FDS_OF_WORKER * workers;
  const share = Math.floor(Math.min(fdLimit * FD_SHARE_FOR_CONNECTIONS, spare) / workers);
  return Math.max(1, Math.min(share, CONNECTIONS_PER_WORKER_MAX));
}

/** In a small container half of what there is, so that our limit is met before the kernel's. */
function defaultMemoryLimit(memoryBytes: number = Number.POSITIVE_INFINITY): number {
  const half = Math.floor(Math.min(memoryBytes / 2, MEMORY_LIMIT_BYTES_DEFAULT) / MIB) * MIB;
  return Math.max(half, MEMORY_LIMIT_BYTES_MIN);
}

function checkSettings(settings: ServerSettings, machine: Machine): void {
  requireInteger("maxConnections", settings.maxConnections, 1, CONNECTIONS_PER_WORKER_MAX);
  const most = connectionsPerWorker(machine.fdLimit, settings.workers);
  if (settings.maxConnections > most) {
    throw new MillraceError(
      "ERR_USAGE",
      `maxConnections: ${settings.maxConnections} for each of ${settings.workers} workers is ` +
        `more than ${most}, which ${machine.fdLimit} file descriptors allow (raise ulimit -n)`,
    );
  }
  const memory = settings.memoryLimitBytes;
  requireInteger("memoryLimitBytes", memory, MEMORY_LIMIT_BYTES_MIN, MEMORY_LIMIT_BYTES_MAX);
  const problem = httpLimitProblem(settings);
  if (problem !== null) throw new MillraceError("ERR_USAGE", problem);
  requireInteger("writeStallMs", settings.writeStallMs, 0, MAX_DELAY_MS);
  requireInteger("writeBytesMin", settings.writeBytesMin, 1, Number.MAX_SAFE_INTEGER);
  requireInteger("drainTimeoutMs", settings.drainTimeoutMs, 0, MAX_DELAY_MS);
  requireInteger("readyTimeoutMs", settings.readyTimeoutMs, 0, MAX_DELAY_MS);
  requireInteger("backlog", settings.backlog, 1, 2 ** 31 - 1);
  if (!IO_KINDS.includes(settings.io)) {
    throw new MillraceError(
      "ERR_USAGE",
      `io: "${settings.io}" is not one of ${IO_KINDS.join(", ")}`,
    );
  }
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (isBetween(value, least, most)) return;
  throw new MillraceError("ERR_USAGE", `${name}: ${value} is not between ${least} and ${most}`);
}
