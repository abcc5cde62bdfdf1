// One line of an access log, written as bytes into the log's block: most of it is copied from the
// head of the request as it came, and no string is made of it.
//
//   192.0.2.7 - - [23/Nov/2026:08:49:37 +0100] "GET / HTTP/1.1" 200 13 "referer" "agent" 0.000061
//   {"time":"...","id":"...","worker":0,"connection":"17.3","remote":"192.0.2.7",...}
//
// Invariant: a line has at most ACCESS_LOG_LINE_BYTES_MAX bytes, whatever the peer sent.

import { latin1Write } from "../core/latin1.ts";
import { writeDecimal } from "../http/response-head.ts";
import { ascii } from "../http/syntax.ts";
import { ESCAPE_HEX, ESCAPE_JSON, writeBytes, writeEscaped } from "./access-log-escape.ts";
import { LogTime } from "./access-log-time.ts";

/** What a line tells. One object, filled in anew for each line; positions are those in `head`. */
export class AccessEntry {
  wallMs = 0;
  durationMs = 0;
  /** "" on a Unix socket. */
  remote = "";
  worker = 0;
  slot = 0;
  generation = 0;
  id = "";
  status = 0;
  /** Of the bodies, without their framing. */
  bytesIn = 0;
  bytesOut = 0;
  /** The answer is whole with the connection. */
  complete = true;
  head: Buffer = Buffer.alloc(0);
  /** The request line without its end. What is not there is empty: end <= start. */
  lineStart = 0;
  lineEnd = 0;
  methodStart = 0;
  methodEnd = 0;
  pathStart = 0;
  pathEnd = 0;
  queryStart = 0;
  queryEnd = 0;
  hostStart = 0;
  hostEnd = 0;
  refererStart = 0;
  refererEnd = 0;
  agentStart = 0;
  agentEnd = 0;
}

/** Bytes that a field may take, escaped; together, and with the rest, less than a line may have. */
const LINE_MAX = 1_536;
const METHOD_MAX = 64;
const PATH_MAX = 1_280;
const QUERY_MAX = 768;
const HOST_MAX = 256;
const REFERER_MAX = 512;
const AGENT_MAX = 512;
const REMOTE_MAX = 128;

const LF = 0x0a;
const SP = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

const UNIX: Uint8Array = ascii("unix:");
const NO_USER: Uint8Array = ascii(" - - ");
const scratch: Buffer = Buffer.alloc(REMOTE_MAX);

export class AccessLineWriter {
  private readonly time: LogTime = new LogTime();

  /** As nginx's "combined", the seconds it took behind it, and the id where ids are in use. */
  writeCombined(target: Buffer, at: number, entry: AccessEntry): number {
    const { head } = entry;
    let end = writeBytes(target, writeRemote(target, at, entry.remote, ESCAPE_HEX), NO_USER);
    end = this.time.writeLocal(target, end, entry.wallMs);
    target[end++] = SP;
    end = writeQuoted(target, end, head, entry.lineStart, entry.lineEnd, LINE_MAX);
    target[end++] = SP;
    end = writeDecimal(target, end, entry.status);
    target[end++] = SP;
    end = writeDecimal(target, end, entry.bytesOut);
    target[end++] = SP;
    end = writeQuoted(target, end, head, entry.refererStart, entry.refererEnd, REFERER_MAX);
    target[end++] = SP;
    end = writeQuoted(target, end, head, entry.agentStart, entry.agentEnd, AGENT_MAX);
    target[end++] = SP;
    end = writeFraction(target, end, Math.round(entry.durationMs * 1000), 6);
    if (entry.id !== "") {
      target[end++] = SP;
      end += latin1Write(target, entry.id, end);
    }
    target[end++] = LF;
    return end;
  }

  /** An object a line. Fields that the request did not have are left out. */
  writeJson(target: Buffer, at: number, entry: AccessEntry): number {
    let end = this.time.writeIso(target, writeBytes(target, at, JSON_TIME), entry.wallMs);
    if (entry.id !== "") {
      end = writeBytes(target, end, JSON_ID);
      end += latin1Write(target, entry.id, end);
    }
    end = writeDecimal(target, writeBytes(target, end, JSON_WORKER), entry.worker);
    end = writeDecimal(target, writeBytes(target, end, JSON_CONNECTION), entry.slot);
    target[end++] = POINT;
    end = writeDecimal(target, end, entry.generation);
    end = writeRemote(target, writeBytes(target, end, JSON_REMOTE), entry.remote, ESCAPE_JSON);
    target[end++] = QUOTE;
    const isParsed = entry.methodEnd > entry.methodStart;
    if (isParsed) {
      end = writeField(
        target,
        end,
        JSON_METHOD,
        entry.methodStart,
        entry.methodEnd,
        entry,
        METHOD_MAX,
      );
      end = writeField(target, end, JSON_PATH, entry.pathStart, entry.pathEnd, entry, PATH_MAX);
      end = writeField(target, end, JSON_QUERY, entry.queryStart, entry.queryEnd, entry, QUERY_MAX);
    } else {
      end = writeField(target, end, JSON_LINE, entry.lineStart, entry.lineEnd, entry, LINE_MAX);
    }
    end = writeField(target, end, JSON_HOST, entry.hostStart, entry.hostEnd, entry, HOST_MAX);
    end = writeDecimal(target, writeBytes(target, end, JSON_STATUS), entry.status);
    end = writeDecimal(target, writeBytes(target, end, JSON_IN), entry.bytesIn);
    end = writeDecimal(target, writeBytes(target, end, JSON_OUT), entry.bytesOut);
    end = writeBytes(target, end, JSON_DURATION);
    end = writeFraction(target, end, Math.round(entry.durationMs * 1000), 3);
    end = writeField(
      target,
      end,
      JSON_REFERER,
      entry.refererStart,
      entry.refererEnd,
      entry,
      REFERER_MAX,
    );
    end = writeField(target, end, JSON_AGENT, entry.agentStart, entry.agentEnd, entry, AGENT_MAX);
    return writeBytes(target, end, entry.complete ? JSON_END : JSON_END_CUT);
  }
}

const JSON_TIME: Uint8Array = ascii('{"time":"');
const JSON_ID: Uint8Array = ascii('","id":"');
const JSON_WORKER: Uint8Array = ascii('","worker":');
const JSON_CONNECTION: Uint8Array = ascii(',"connection":"');
const JSON_REMOTE: Uint8Array = ascii('","remote":"');
const JSON_METHOD: Uint8Array = ascii(',"method":"');
const JSON_PATH: Uint8Array = ascii(',"path":"');
const JSON_QUERY: Uint8Array = ascii(',"query":"');
const JSON_LINE: Uint8Array = ascii(',"line":"');
const JSON_HOST: Uint8Array = ascii(',"host":"');
const JSON_STATUS: Uint8Array = ascii(',"status":');
const JSON_IN: Uint8Array = ascii(',"bytes_in":');
const JSON_OUT: Uint8Array = ascii(',"bytes_out":');
const JSON_DURATION: Uint8Array = ascii(',"duration_ms":');
const JSON_REFERER: Uint8Array = ascii(',"referer":"');
const JSON_AGENT: Uint8Array = ascii(',"user_agent":"');
const JSON_END: Uint8Array = ascii(',"complete":true}\n');
const JSON_END_CUT: Uint8Array = ascii(',"complete":false}\n');

/** In quotes, or "-" for nothing, as nginx has it. */
function writeQuoted(
  target: Buffer,
  at: number,
  head: Buffer,
  start: number,
  end: number,
  bytesMax: number,
): number {
  let out = at;
  target[out++] = QUOTE;
  if (start >= end) target[out++] = DASH;
  else out = writeEscaped(target, out, head, start, end, bytesMax, ESCAPE_HEX);
  target[out++] = QUOTE;
  return out;
}

function writeField(
  target: Buffer,
  at: number,
  name: Uint8Array,
  start: number,
  end: number,
  entry: AccessEntry,
  bytesMax: number,
): number {
  if (start >= end) return at;
  const out = writeBytes(target, at, name);
  const last = writeEscaped(target, out, entry.head, start, end, bytesMax, ESCAPE_JSON);
  target[last] = QUOTE;
  return last + 1;
}

/** A proxy may have told the address: it is text from outside like all else. */
function writeRemote(target: Buffer, at: number, remote: string, style: number): number {
  if (remote === "") return writeBytes(target, at, UNIX);
  const count = latin1Write(scratch, remote, 0);
  return writeEscaped(target, at, scratch, 0, count, REMOTE_MAX, style);
}

/** `value` as a decimal fraction with so many digits behind the point. */
function writeFraction(target: Buffer, at: number, value: number, digits: number): number {
  const unit = digits === 6 ? 1_000_000 : 1_000;
  const whole = Math.floor(value / unit);
  let rest = value - whole * unit;
  const point = writeDecimal(target, at, whole);
  target[point] = POINT;
  for (let place = point + digits; place > point; place--) {
    target[place] = ZERO + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return point + digits + 1;
}
