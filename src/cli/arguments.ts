// The command line of `millrace start`: every option with its range, and what follows from them.

import { resolve } from "node:path";
import {
  BACKLOG_DEFAULT,
  BODY_BYTES_MAX_DEFAULT,
  BODY_WINDOW_BYTES_MIN,
  BODY_WINDOW_MS,
  CONNECTIONS_PER_WORKER_MAX,
  DRAIN_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  HEADERS_LIMIT_MAX,
  HEADERS_MAX,
  HEAD_BYTES_LIMIT_MAX,
  HEAD_BYTES_LIMIT_MIN,
  HEAD_BYTES_MAX,
  HEAD_TIMEOUT_MS,
  HOST_DEFAULT,
  IDLE_TIMEOUT_MS,
  MEMORY_LIMIT_BYTES_DEFAULT,
  MEMORY_LIMIT_BYTES_MAX,
  MEMORY_LIMIT_BYTES_MIN,
  PORT_DEFAULT,
  READY_TIMEOUT_MS,
  TARGET_BYTES_MAX,
  TRAILER_BYTES_MAX,
  WORKERS_MAX,
  WRITE_BYTES_MIN,
  WRITE_STALL_MS,
} from "../core/limits.ts";
import { LOG_LEVELS } from "../core/log.ts";
import type { ServeOptions } from "../master/serve.ts";
import { parseHostPort, PORT_MAX } from "../net/socket-address.ts";
import type { TlsOptions } from "../net/tls.ts";
import {
  ACCESS_LOG_FORMATS,
  type AccessLogFormat,
  type AccessLogOptions,
} from "../server/access-log-options.ts";
import { IO_KINDS } from "../server/settings.ts";
import { formatDuration, parseDuration } from "./durations.ts";
import {
  formatOptions,
  parseOptions,
  parseValue,
  usageError,
  type OptionSpec,
} from "./option-table.ts";
import { formatSize, parseSize } from "./sizes.ts";

const ADMIN_HOST_DEFAULT = "127.0.0.1";

const START_OPTIONS = {
  port: wholeNumber("N", 0, PORT_MAX, `${PORT_DEFAULT}, or $PORT; 0 is any free one`),
  host: text("H", "a host name or an address", `address to listen on (${HOST_DEFAULT})`),
  unix: text("PATH", "a path", "listen on a Unix socket instead"),
  cert: text("FILE", "a file", "speak TLS with this certificate (PEM), with --key"),
  key: text("FILE", "a file", "the certificate's private key (PEM), with --cert"),
  workers: workers(`worker threads, or auto: one a processor (auto)`),
  "memory-limit": size(
    MEMORY_LIMIT_BYTES_MIN,
    `buffers of the process (${formatSize(MEMORY_LIMIT_BYTES_DEFAULT)})`,
    MEMORY_LIMIT_BYTES_MAX,
  ),
  "max-connections": wholeNumber(
    "N",
    1,
    CONNECTIONS_PER_WORKER_MAX,
    "open connections of a worker (90 % of the descriptors)",
  ),
  "idle-timeout": duration(
    `silent HTTP connections are closed after it (${formatDuration(IDLE_TIMEOUT_MS)})`,
  ),
  "head-timeout": duration(
    `for a request head, or a TLS handshake (${formatDuration(HEAD_TIMEOUT_MS)})`,
  ),
  "body-timeout": duration(`for each --body-min of a body (${formatDuration(BODY_WINDOW_MS)})`),
  "body-min": size(1, `of a body in each --body-timeout (${formatSize(BODY_WINDOW_BYTES_MIN)})`),
  "write-timeout": duration(
    `for each --write-min of an answer (${formatDuration(WRITE_STALL_MS)})`,
  ),
  "write-min": size(1, `taken in each --write-timeout (${formatSize(WRITE_BYTES_MIN)})`),
  "ready-timeout": duration(
    `for a worker to load, and to start (${formatDuration(READY_TIMEOUT_MS)})`,
  ),
  "drain-timeout": duration(`for a stop or a reload (${formatDuration(DRAIN_TIMEOUT_MS)})`),
  "max-body": size(0, `of a request body: 413 (${formatSize(BODY_BYTES_MAX_DEFAULT)})`),
  "max-target": size(
    1,
    `of a request-target: 414 (${formatSize(TARGET_BYTES_MAX)})`,
    HEAD_BYTES_LIMIT_MAX,
  ),
  "max-head": size(
    HEAD_BYTES_LIMIT_MIN,
    `of a whole request head: 431 (${formatSize(HEAD_BYTES_MAX)})`,
    HEAD_BYTES_LIMIT_MAX,
  ),
  "max-headers": wholeNumber("N", 1, HEADERS_LIMIT_MAX, `header lines: 431 (${HEADERS_MAX})`),
  "max-header-line": size(
    1,
    `of one header line: 431 (${formatSize(HEADER_BYTES_MAX)})`,
    HEAD_BYTES_LIMIT_MAX,
  ),
  "max-trailers": size(
    0,
    `of the trailers of a body: 431 (${formatSize(TRAILER_BYTES_MAX)})`,
    HEAD_BYTES_LIMIT_MAX,
  ),
  backlog: wholeNumber(
    "N",
    1,
    2 ** 31 - 1,
    `connections that wait for accept (${BACKLOG_DEFAULT})`,
  ),
  io: oneOf(IO_KINDS.join("|"), IO_KINDS, "io_uring or Bun's sockets (auto: what is there)"),
  "access-log": text("FILE|-", "a file", "a line for each request; - is standard output"),
  "access-log-format": oneOf(
    "F",
    ACCESS_LOG_FORMATS,
    `${ACCESS_LOG_FORMATS.join(" or ")} (combined)`,
  ),
  "request-id": onOff("X-Request-Id in answers and logs (off)"),
  "slow-request": duration("warn of answers that take so long to begin (off)"),
  admin: admin("counters at /stats, /metrics, /healthz (off)"),
  "log-level": oneOf("LEVEL", LOG_LEVELS, `${LOG_LEVELS.join(", ")} (info)`),
} as const;

/** What the arguments ask for; throws MillraceError ERR_USAGE. */
export function parseStartArguments(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ServeOptions {
  // `bun run start -- --port 1` may hand its "--" on to us.
  const { values, positionals } = parseOptions(
    START_OPTIONS,
    args[0] === "--" ? args.slice(1) : args,
  );
  if (positionals.length > 1) {
    throw usageError(`one folder or module at a time, not also "${positionals[1]}"`);
  }
  // Of a shell's unset "$FOLDER"; it would serve the folder that happens to be the current one.
  if (positionals[0] === "") throw usageError('"" is neither a folder nor a module');
  if (values.unix !== undefined && (values.port ?? values.host) !== undefined) {
    throw usageError("--unix: excludes --port and --host");
  }
  return {
    tls: tlsOf(values.cert, values.key),
    service: positionals[0],
    port: values.port ?? portOf(environment, values.unix),
    host: values.host,
    unix: values.unix,
    workers: values.workers,
    memoryLimitBytes: values["memory-limit"],
    maxConnections: values["max-connections"],
    idleTimeoutMs: values["idle-timeout"],
    headTimeoutMs: values["head-timeout"],
    bodyTimeoutMs: values["body-timeout"],
    bodyBytesMin: values["body-min"],
    writeStallMs: values["write-timeout"],
    readyTimeoutMs: values["ready-timeout"],
    drainTimeoutMs: values["drain-timeout"],
    writeBytesMin: values["write-min"],
    bodyBytesMax: values["max-body"],
    targetBytesMax: values["max-target"],
    headBytesMax: values["max-head"],
    headersMax: values["max-headers"],
    headerBytesMax: values["max-header-line"],
    trailerBytesMax: values["max-trailers"],
    backlog: values.backlog,
    io: values.io,
    admin: values.admin === "off" ? undefined : values.admin,
    logLevel: values["log-level"],
    accessLog: accessLogOf(values["access-log"], values["access-log-format"]),
    requestId: values["request-id"],
    slowRequestMs: values["slow-request"],
  };
}

export function startHelp(): string {
  return formatOptions(START_OPTIONS);
}

function accessLogOf(
  file: string | undefined,
  format: AccessLogFormat | undefined,
): AccessLogOptions | undefined {
  if (file !== undefined) return { file, format };
  if (format !== undefined) throw usageError("--access-log-format: needs --access-log");
  return undefined;
}

function tlsOf(cert: string | undefined, key: string | undefined): TlsOptions | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (key === undefined) throw usageError("--cert: needs --key, the file of its private key");
  if (cert === undefined) throw usageError("--key: needs --cert, the file of its certificate");
  return { cert: resolve(cert), key: resolve(key) };
}

/** Platforms say where to listen by PORT. */
function portOf(
  environment: Readonly<Record<string, string | undefined>>,
  unix: string | undefined,
): number | undefined {
  const given = environment["PORT"];
  if (given === undefined || given === "" || unix !== undefined) return undefined;
  return parseValue("PORT", START_OPTIONS.port, given);
}

function wholeNumber(
  placeholder: string,
  least: number,
  most: number,
  help: string,
): OptionSpec<number> {
  const parse = (text: string) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : null;
  };
  return { placeholder, parse, expected: `a number between ${least} and ${most}`, help };
}

function text(placeholder: string, expected: string, help: string): OptionSpec<string> {
  return { placeholder, parse: (value) => (value === "" ? null : value), expected, help };
}

function workers(help: string): OptionSpec<number | "auto"> {
  const number = wholeNumber("N|auto", 1, WORKERS_MAX, help);
  const parse = (text: string) => (text === "auto" ? text : number.parse(text));
  return { ...number, parse, expected: `"auto" or ${number.expected}` };
}

function size(least: number, help: string, most = Infinity): OptionSpec<number> {
  const parse = (text: string) => {
    const bytes = parseSize(text);
    return bytes === null || bytes < least || bytes > most ? null : bytes;
  };
  const above = least === 0 ? "" : ` of at least ${formatSize(least)}`;
  const bound = most === Infinity ? above : `${above} and at most ${formatSize(most)}`;
  return { placeholder: "SIZE", parse, expected: `a size${bound}, such as 512MB`, help };
}

function duration(help: string): OptionSpec<number> {
  const expected = "a duration such as 60s, 500ms or 2m";
  return { placeholder: "TIME", parse: parseDuration, expected, help };
}

function admin(help: string): OptionSpec<{ host: string; port: number } | "off"> {
  const parse = (text: string) => (text === "off" ? text : parseHostPort(text, ADMIN_HOST_DEFAULT));
  return { placeholder: "H:P|off", parse, expected: `"off" or an address such as :9090`, help };
}

function onOff(help: string): OptionSpec<boolean> {
  const parse = (text: string) => (text === "on" ? true : text === "off" ? false : null);
  return { placeholder: "on|off", parse, expected: '"on" or "off"', help };
}

function oneOf<Name extends string>(
  placeholder: string,
  names: readonly Name[],
  help: string,
): OptionSpec<Name> {
  const parse = (text: string) => names.find((name) => name === text) ?? null;
  return { placeholder, parse, expected: `one of ${names.join(", ")}`, help };
}
