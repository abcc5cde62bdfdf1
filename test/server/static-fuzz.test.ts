// Random requests, valid and broken, for a site whose files change meanwhile: every answer is one
// that the rules allow, its bytes are those of the file, and nothing is held in the end.

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { expect, test } from "bun:test";
import { Random, seedOfRun } from "../support/random.ts";
import type { Answer } from "./http-world.ts";
import { SiteFolder, StaticWorld } from "./static-world.ts";

const RUNS = 1_500;
const PAGE = "<p>Hello, World!</p>\n".repeat(300);
const CONTENT: Readonly<Record<string, string>> = {
  "/a.bin": "0123456789".repeat(20),
  "/large.bin": "0123456789".repeat(7_000),
  "/page.html": PAGE,
  "/dir/index.html": "<p>dir",
  "/empty.txt": "",
};
const PATHS: readonly string[] = [
  ...Object.keys(CONTENT),
  "/dir",
  "/dir/",
  "//dir",
  "/page.html/",
  "/gone",
  "/../a.bin",
  "/%61.bin",
  "/.env",
  "/%00",
  "/x?/../../etc",
];
const DATES = ["Fri, 02 Jan 2026 03:04:05 GMT", "Sun, 01 Feb 2026 00:00:00 GMT", "never", ""];
const CODINGS = ["gzip", "br", "zstd", "*", "identity;q=0", "gzip;q=0, *", ";;", "deflate", ""];
const ALLOWED: ReadonlySet<number> = new Set([200, 206, 301, 304, 404, 406, 412, 416]);

function rangeOf(random: Random): string {
  const count = random.between(1, 4);
  const parts = Array.from({ length: count }, () => {
    const start = random.below(300);
    const form = random.below(5);
    if (form === 0) return `-${random.below(300)}`;
    if (form === 1) return `${start}-`;
    if (form === 2) return random.pick(["x", "5-1", "", "-", "99999999999999999999-"]);
    return `${start}-${start + random.below(50)}`;
  });
  return `${random.oneIn(10) ? "items" : "bytes"}=${parts.join(",")}`;
}

function fieldsOf(random: Random, etag: string): Record<string, string> {
  const fields: Record<string, string> = {};
  const tag = (): string => random.pick([etag, `W/${etag}`, '"x"', "*", "", `"y", ${etag}`, '"']);
  if (random.oneIn(2)) fields["Range"] = rangeOf(random);
  if (random.oneIn(4)) fields["If-Range"] = random.oneIn(2) ? tag() : random.pick(DATES);
  if (random.oneIn(6)) fields["If-Match"] = tag();
  if (random.oneIn(6)) fields["If-None-Match"] = tag();
  if (random.oneIn(6)) fields["If-Modified-Since"] = random.pick(DATES);
  if (random.oneIn(6)) fields["If-Unmodified-Since"] = random.pick(DATES);
  if (random.oneIn(2)) fields["Accept-Encoding"] = random.pick(CODINGS);
  return fields;
}

function decoded(answer: Answer): string {
  const bytes = Buffer.from(answer.body, "latin1");
  const coding = answer.fields["content-encoding"];
  if (coding === "gzip") return gunzipSync(bytes).toString("latin1");
  if (coding === "br") return brotliDecompressSync(bytes).toString("latin1");
  if (coding === "zstd") return zstdDecompressSync(bytes).toString("latin1");
  return answer.body;
}

/** What is wrong with the content of an answer; empty if nothing is. */
function contentFault(path: string, answer: Answer): string {
  const content = CONTENT[path];
  if (answer.status === 304) return answer.body === "" ? "" : "content in a 304";
  if (content === undefined) return "";
  if (answer.status === 200) return decoded(answer) === content ? "" : "other content";
  if (answer.status !== 206) return "";
  const [first, last] = (answer.fields["content-range"] ?? "").match(/\d+/g) ?? [];
  if (first !== undefined) {
    const wanted = content.slice(Number(first), Number(last) + 1);
    return answer.body === wanted && wanted !== "" ? "" : "other bytes than the range";
  }
  const part = /Content-Range: bytes (\d+)-(\d+)\/\d+\r\n\r\n([^\r]*)\r\n--/g;
  for (const [, from, to, bytes] of answer.body.matchAll(part)) {
    if (bytes !== content.slice(Number(from), Number(to) + 1)) return "other bytes than a part";
  }
  return "";
}

test("StaticFiles answers any request by the rules, whatever happens to the files", async () => {
  using folder = new SiteFolder(CONTENT);
  folder.write(".env", "SECRET");
  const random = new Random(seedOfRun());
  const world = new StaticWorld(folder, { cacheBytes: 24 * 1024, revalidateMs: 500 });
  const etags = new Map<string, string>();
  for (let run = 0; run < RUNS; run++) {
    const path = random.pick(PATHS);
    const method = random.oneIn(6) ? "HEAD" : "GET";
    const fields = fieldsOf(random, etags.get(path) ?? '"none"');
    const answer = await world.ask(method, path, fields);
    const { etag } = answer.fields;
    if (etag !== undefined) etags.set(path, etag.replace(/^W\//, ""));
    const fault = method === "HEAD" ? answer.body : contentFault(path, answer);
    if (fault !== "" || !ALLOWED.has(answer.status) || answer.body.includes("SECRET")) {
      const asked = `${method} ${path} ${JSON.stringify(fields)}`;
      throw new Error(`seed ${random.seed}, run ${run}: ${asked}: ${answer.status} ${fault}`);
    }
    if (random.oneIn(20)) world.clock.advance(random.below(2_000));
    if (random.oneIn(40)) {
      const changed = random.pick(Object.keys(CONTENT));
      folder.write(changed, CONTENT[changed]!, new Date(random.pick(DATES.slice(0, 2))));
    }
  }
  expect(world.failures).toEqual([]);
  world.checkEnd();
});
