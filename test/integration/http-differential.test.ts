// Random valid requests to us and to node:http: both must see the same method, target, fields and
// body, request for request, on one connection each.

import { expect, test } from "bun:test";
import { createServer, type Server as NodeServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpWorld } from "../server/http-world.ts";
import { Random, seedOfRun } from "../support/random.ts";

const COUNT = 120;
const NAMES = ["X-A", "accept", "User-Agent", "X-!#$%&'*+-.^_`|~9", "Cookie2", "x-long"];
const TEXT = "abcXYZ019 ,;:=()[]{}<>@?/\\\"'!#$%&*+-.^_`|~\t";
const PATH = "abcXYZ019-._~!$&'()*+,;=:@/%41";

interface Seen {
  method: string;
  target: string;
  fields: [string, string][];
  body: string;
}

function textOf(random: Random, alphabet: string, most: number): string {
  return Array.from({ length: random.below(most) }, () => random.pick([...alphabet])).join("");
}

function randomRequest(random: Random, isLast: boolean): string {
  const method = random.pick(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]);
  const path = `/${textOf(random, PATH, 60)}`.replace(/%(?!41)/g, "");
  const target = path + (random.oneIn(3) ? `?${textOf(random, PATH, 40).replaceAll("%", "")}` : "");
  const fields = ["Host: a", ...(isLast ? ["Connection: close"] : [])];
  for (let count = random.below(10); count > 0; count--) {
    const value = textOf(random, TEXT, random.pick([1, 10, 500])).trim();
    const blank = random.pick(["", " ", "\t", "   "]);
    fields.push(`${random.pick(NAMES)}:${blank}${value}${random.pick(["", " "])}`);
  }
  const body = Buffer.from(random.bytes(random.pick([0, 0, 1, 100, 70_000]))).toString("latin1");
  const hasBody = method !== "GET" && method !== "OPTIONS" && body !== "";
  if (hasBody && random.oneIn(2)) {
    return head(method, target, [...fields, "Transfer-Encoding: chunked"]) + chunked(random, body);
  }
  if (hasBody) fields.push(`Content-Length: ${body.length}`);
  return head(method, target, fields) + (hasBody ? body : "");
}

function head(method: string, target: string, fields: string[]): string {
  return `${method} ${target} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`;
}

function chunked(random: Random, body: string): string {
  let text = "";
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + random.between(1, 30_000));
    const extension = random.oneIn(4) ? ';name="v;\\"x"' : "";
    text += `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${text}0\r\n\r\n`;
}

async function seenByUs(random: Random, requests: readonly string[]): Promise<Seen[]> {
  const seen: Seen[] = [];
  const world = new HttpWorld({
    routes: {
      "/*": async (from, response) => {
        const { method, target } = from;
        const fields = from.headerEntries();
        const body = Buffer.from(await from.bytes()).toString("latin1");
        seen.push({ method, target, fields, body });
        response.empty();
      },
    },
  });
  const peer = world.connect();
  const text = requests.join("");
  for (let at = 0; at < text.length;) {
    const end = at + 1 + random.below(random.pick([10, 1000, 50_000]));
    peer.send(text.slice(at, end));
    at = end;
    if (random.oneIn(3)) await Promise.resolve();
    peer.socket.settle();
  }
  await world.until(() => {
    peer.socket.settle();
    return seen.length === requests.length;
  }, "the last request");
  return seen;
}

async function seenByNode(requests: readonly string[]): Promise<Seen[]> {
  const seen: Seen[] = [];
  const path = join(tmpdir(), `millrace-node-${process.pid}.sock`);
  const server: NodeServer = createServer((from, response) => {
    const parts: Buffer[] = [];
    from.on("data", (part: Buffer) => parts.push(part));
    from.on("end", () => {
      const fields: [string, string][] = [];
      for (let at = 0; at < from.rawHeaders.length; at += 2) {
        fields.push([from.rawHeaders[at]!, from.rawHeaders[at + 1]!]);
      }
      const body = Buffer.concat(parts).toString("latin1");
      seen.push({ method: from.method!, target: from.url!, fields, body });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(path, () => resolve()));
  try {
    const socket = connect(path);
    const closed = new Promise<void>((resolve) => void socket.on("close", () => resolve()));
    socket.on("error", () => {});
    socket.on("data", () => {
      if (seen.length < requests.length)
        socket.write(Buffer.from(requests[seen.length]!, "latin1"));
    });
    socket.write(Buffer.from(requests[0]!, "latin1"));
    await closed;
  } finally {
    server.close();
  }
  return seen;
}

test("HttpSession and node:http see the same in random valid requests", async () => {
  const seed = seedOfRun();
  const random = new Random(seed);
  const requests = Array.from({ length: COUNT }, (_, index) =>
    randomRequest(random, index === COUNT - 1),
  );
  const theirs = await seenByNode(requests);
  const ours = await seenByUs(random, requests);
  expect([seed, theirs.length]).toEqual([seed, COUNT]);
  for (const [index, mine] of ours.entries()) {
    const other = theirs[index]!;
    const lower = (fields: [string, string][]): string[] =>
      fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort();
    expect({ seed, index, ...mine, fields: lower(mine.fields) }).toEqual({
      seed,
      index,
      ...other,
      fields: lower(other.fields),
    });
  }
});
