import { expect, test } from "bun:test";
import { ACCESS_LOG_LINE_BYTES_MAX } from "../../src/core/limits.ts";
import { AccessEntry, AccessLineWriter } from "../../src/server/access-log-line.ts";
import { formatLocal } from "../../src/server/access-log-time.ts";

const WALL_MS = Date.UTC(2026, 10, 23, 7, 49, 37, 123);
const PARTS = ["line", "method", "path", "query", "host", "referer", "agent"] as const;
type Parts = Partial<Record<(typeof PARTS)[number], string>>;

/** An entry whose parts stand one behind the other in its head. */
function entryOf(parts: Parts, fields: Partial<AccessEntry> = {}): AccessEntry {
  const entry = new AccessEntry();
  let text = "before";
  for (const name of PARTS) {
    entry[`${name}Start`] = text.length;
    text += parts[name] ?? "";
    entry[`${name}End`] = text.length;
  }
  entry.head = Buffer.from(text, "latin1");
  return Object.assign(entry, { wallMs: WALL_MS, status: 200, remote: "192.0.2.7", ...fields });
}

const target = Buffer.alloc(2 * ACCESS_LOG_LINE_BYTES_MAX);

function combined(entry: AccessEntry): string {
  const end = new AccessLineWriter().writeCombined(target, 0, entry);
  return target.toString("latin1", 0, end);
}

function json(entry: AccessEntry): string {
  const end = new AccessLineWriter().writeJson(target, 0, entry);
  return target.toString("latin1", 0, end);
}

const TIME = formatLocal(new Date(WALL_MS));

test("AccessLineWriter writes what nginx calls combined, and the seconds", () => {
  const parts = { line: "GET /a?b HTTP/1.1", referer: "http://r/", agent: "curl/8" };
  const entry = entryOf(parts, { bytesOut: 4711, durationMs: 12.3456 });
  const text = `192.0.2.7 - - ${TIME} "GET /a?b HTTP/1.1" 200 4711 "http://r/" "curl/8" 0.012346`;
  expect(combined(entry)).toBe(`${text}\n`);
  entry.id = "an-id";
  expect(combined(entry)).toBe(`${text} an-id\n`);
});

test("AccessLineWriter writes a dash for what is not there", () => {
  const entry = entryOf({}, { remote: "", status: 400 });
  expect(combined(entry)).toBe(`unix: - - ${TIME} "-" 400 0 "-" "-" 0.000000\n`);
});

test("AccessLineWriter writes numbers of any size", () => {
  const entry = entryOf(
    {},
    { bytesOut: 2 ** 53 - 1, durationMs: 86_400_000.0004, bytesIn: 2 ** 40 },
  );
  expect(combined(entry)).toContain(' 200 9007199254740991 "-" "-" 86400.000000\n');
  expect(JSON.parse(json(entry))).toMatchObject({
    bytes_in: 2 ** 40,
    bytes_out: 2 ** 53 - 1,
    duration_ms: 86_400_000,
  });
  for (const durationMs of [0, 0.0004, 0.0005, 0.001, 0.9999, 0.9996, 999.9996, 1234.5]) {
    const rounded = Math.round(durationMs * 1000) / 1000;
    const line = JSON.parse(json(entryOf({}, { durationMs }))) as { duration_ms: number };
    expect([durationMs, line.duration_ms]).toEqual([durationMs, rounded]);
  }
});

test("AccessLineWriter writes JSON with everything there is, and nothing else", () => {
  const parts = {
    line: "l",
    method: "GET",
    path: "/a",
    query: "b",
    host: "h",
    referer: "r",
    agent: "u",
  };
  const place = { worker: 2, slot: 17, generation: 3, id: "id", bytesIn: 1, bytesOut: 2 };
  expect(json(entryOf(parts, { ...place, durationMs: 0.5 }))).toBe(
    '{"time":"2026-11-23T07:49:37.123Z","id":"id","worker":2,"connection":"17.3",' +
      '"remote":"192.0.2.7","method":"GET","path":"/a","query":"b","host":"h","status":200,' +
      '"bytes_in":1,"bytes_out":2,"duration_ms":0.500,"referer":"r","user_agent":"u",' +
      '"complete":true}\n',
  );
  const bare = JSON.parse(json(entryOf({ line: "garbage" }, { complete: false }))) as object;
  expect(Object.keys(bare)).toEqual(
    "time worker connection remote line status bytes_in bytes_out duration_ms complete".split(" "),
  );
  expect(bare).toMatchObject({ line: "garbage", complete: false });
});

test("AccessLineWriter lets no request forge a line or a field", () => {
  const evil = 'x" 200 1 "-" "-" 0.1\r\n127.0.0.1 - - "\\","status":500,"a":"\0\x1b[31m\xff';
  const parts = Object.fromEntries(PARTS.map((name) => [name, evil]));
  for (const remote of ["192.0.2.7", evil]) {
    const entry = entryOf(parts, { remote });
    const line = combined(entry);
    expect(line).toMatch(/^[\x20-\x7e]*\n$/);
    expect(line.match(/"/g)).toHaveLength(6);
    expect(line).not.toContain("\\\\");
    const text = json(entry);
    expect(text).toMatch(/^[\x20-\x7e]*\n$/);
    const parsed = JSON.parse(text) as Record<string, unknown>;
    expect(parsed).toMatchObject({ status: 200, path: evil, query: evil, user_agent: evil });
    expect(String(parsed["remote"]).slice(0, 9)).toBe(remote.slice(0, 9));
  }
});

test("AccessLineWriter keeps every line within its bound, whatever is asked of it", () => {
  const most = { remote: "\xff".repeat(100), bytesIn: 2 ** 53 - 1, bytesOut: 2 ** 53 - 1 };
  const numbers = { durationMs: 1e12, slot: 2 ** 20, generation: 2 ** 31, worker: 255 };
  for (const character of ["a", '"', "\0", "\xff"]) {
    const parts = Object.fromEntries(PARTS.map((name) => [name, character.repeat(40_000)]));
    for (const id of ["", "i".repeat(64)]) {
      const entry = entryOf(parts, { ...most, ...numbers, id, complete: false });
      expect(combined(entry).length).toBeLessThanOrEqual(ACCESS_LOG_LINE_BYTES_MAX);
      const text = json(entry);
      expect(text.length).toBeLessThanOrEqual(ACCESS_LOG_LINE_BYTES_MAX);
      expect((JSON.parse(text) as { path: string }).path).toMatch(/\.\.\.$/);
    }
  }
});
