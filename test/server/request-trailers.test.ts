// Trailers in the fetch form: what arrives, what is left out, and everything that can go wrong.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { MillraceError } from "../../src/core/errors.ts";
import { installServerRequest } from "../../src/server/server-request.ts";
import { trailersOf } from "../../src/server/request-trailers.ts";
import { cutsOf, GET, type HttpPeer, HttpWorld, request, sendCut } from "./http-world.ts";

const platform = { Request, fetch };
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeAll(() => {
  installServerRequest();
  process.on("unhandledRejection", note);
});
afterEach(() => expect(unhandled.splice(0)).toEqual([]));
afterAll(() => {
  Object.assign(globalThis, platform);
  process.off("unhandledRejection", note);
});

type Look = (from: Request) => unknown;

/** A world whose handler notes what `look` makes of each request, or how it failed. */
function worldOf(look: Look, limits = {}): { world: HttpWorld; seen: unknown[] } {
  const seen: unknown[] = [];
  const fetch = async (from: Request): Promise<Response> => {
    try {
      seen.push(await look(from));
    } catch (error) {
      seen.push(error instanceof MillraceError ? error.code : String(error));
    }
    return new Response("ok");
  };
  return { world: new HttpWorld({ fetch }, limits), seen };
}

function chunked(body: string, trailers: string, line = "POST /"): string {
  const size = body.length.toString(16);
  const data = body === "" ? "" : `${size}\r\n${body}\r\n`;
  return `${request(line, "", "Transfer-Encoding: chunked")}${data}0\r\n${trailers}\r\n`;
}

/** In pieces, as a network would: the handler is called before a large body is there. */
async function sendSlowly(world: HttpWorld, peer: HttpPeer, text: string): Promise<void> {
  for (let at = 0; at < text.length; at += 50_000) {
    peer.send(text.slice(at, at + 50_000));
    await world.settle();
  }
}

/** What `look` sees of one request that is answered. */
async function seenOf(look: Look, text: string, limits = {}): Promise<unknown> {
  const { world, seen } = worldOf(look, limits);
  const peer = world.connect();
  await sendSlowly(world, peer, text);
  await peer.answered(1);
  peer.leave();
  await world.settle();
  world.checkEnd();
  expect(seen).toHaveLength(1);
  return seen[0];
}

const entries = async (from: Request): Promise<unknown> => [...(await trailersOf(from))];
const readFirst: Look = async (from) => {
  await from.bytes();
  return entries(from);
};

const LARGE = "x".repeat(300_000); // comes piece by piece: more than is read before the handler

describe("trailersOf", () => {
  test("gives the fields behind a chunked body, however the body is read", async () => {
    const readers: Look[] = [
      (from) => from.text(),
      (from) => from.bytes(),
      (from) => from.arrayBuffer(),
      (from) => from.blob(),
      (from) => new Response(from.body as never).text(),
      (from) => from.body!.pipeTo(new WritableStream()),
      async (from) => {
        for await (const _ of from.body!);
      },
    ];
    for (const body of ["hello", LARGE]) {
      for (const read of readers) {
        const look: Look = async (from) => [await read(from), await entries(from)][1];
        const seen = await seenOf(look, chunked(body, "X-Sum: abc\r\nServer-Timing: a;dur=1\r\n"));
        expect(seen).toEqual([
          ["server-timing", "a;dur=1"],
          ["x-sum", "abc"],
        ]);
      }
    }
  });

  test("gives the same whole and cut anywhere", async () => {
    const text = chunked("hello", "X-A: 1\r\nX-b:  2 \r\nx-a: 3\r\n");
    for (const ends of cutsOf(text)) {
      const { world, seen } = worldOf(readFirst);
      const peer = world.connect();
      sendCut(peer, text, ends);
      await peer.answered(1);
      expect({ ends, seen }).toEqual({
        ends,
        seen: [
          [
            ["x-a", "1, 3"],
            ["x-b", "2"],
          ],
        ],
      });
      peer.leave();
    }
  });

  test("keeps bytes above ASCII as they came, one character each", async () => {
    expect(await seenOf(readFirst, chunked("a", "X: \xe9\x80\xff\r\n"))).toEqual([
      ["x", "\xe9\x80\xff"],
    ]);
  });

  test("gives no fields where there are none", async () => {
    for (const text of [GET, request("POST /"), request("POST /", "body"), chunked("body", "")]) {
      expect(await seenOf(readFirst, text)).toEqual([]);
    }
    expect(await seenOf(readFirst, chunked(LARGE, ""))).toEqual([]);
  });

  test("needs no reading where there is nothing to read", async () => {
    expect(await seenOf(entries, GET)).toEqual([]);
    expect(await seenOf(entries, chunked("", "X-A: 1\r\n"))).toEqual([["x-a", "1"]]);
    expect(await seenOf(entries, chunked("body", "X-A: 1\r\n", "GET /"))).toEqual([["x-a", "1"]]);
    expect(await seenOf(entries, chunked(LARGE, "X-A: 1\r\n", "GET /"))).toEqual([]);
  });

  test("knows nothing of a Request from elsewhere", async () => {
    const foreign = new Request("http://a/", { method: "POST", body: "x" });
    expect([...(await trailersOf(foreign))]).toEqual([]);
  });

  test("is there again when it is asked again, and its Headers are the caller's own", async () => {
    for (const body of ["hello", LARGE]) {
      const look: Look = async (from) => {
        await from.bytes();
        (await trailersOf(from)).set("x-a", "changed");
        return entries(from);
      };
      expect(await seenOf(look, chunked(body, "X-A: 1\r\n"))).toEqual([["x-a", "1"]]);
    }
  });
});

describe("trailersOf refuses", () => {
  test("what could frame, route or grant: it is left out", async () => {
    const forbidden =
      "Content-Length: 5\r\nHost: evil\r\nTransfer-Encoding: chunked\r\nAuthorization: x\r\n" +
      "Cookie: a=b\r\nSet-Cookie: a=b\r\nConnection: close\r\nTrailer: X\r\nContent-Type: a/b\r\n" +
      "TE: trailers\r\nUpgrade: x\r\nIf-Match: *\r\nCache-Control: no-store\r\nExpect: 100\r\n";
    const look: Look = async (from) => {
      await from.bytes();
      return [await entries(from), from.headers.get("host"), from.headers.get("x-a")];
    };
    const seen = await seenOf(look, chunked("a", `X-A: 1\r\n${forbidden}X-B: 2\r\n`));
    expect(seen).toEqual([
      [
        ["x-a", "1"],
        ["x-b", "2"],
      ],
      "a",
      null,
    ]);
  });

  test("to be asked before the body is read, every time and not by chance", async () => {
    for (const body of ["x", "x".repeat(70_000), LARGE]) {
      const text = chunked(body, "X-A: 1\r\n");
      expect(await seenOf(entries, text)).toBe("ERR_BODY_UNREAD");
      const locked: Look = (from) => {
        if (body === LARGE) from.body!.getReader(); // and never reads
        return entries(from);
      };
      expect(await seenOf(locked, text)).toBe("ERR_BODY_UNREAD");
      const early: Look = async (from) => {
        const trailers = trailersOf(from); // nobody waits for it: no unhandled rejection
        await from.bytes();
        return [await trailers.catch((error: MillraceError) => error.code), await entries(from)];
      };
      expect(await seenOf(early, text)).toEqual(["ERR_BODY_UNREAD", [["x-a", "1"]]]);
    }
  });

  test("to wait for a reader that gave the body up", async () => {
    const look: Look = async (from) => {
      for await (const _ of from.body!) break;
      return entries(from);
    };
    expect(await seenOf(look, chunked(LARGE, "X-A: 1\r\n"))).toBe("ERR_BODY_UNREAD");
    const during: Look = async (from) => {
      const reader = from.body!.getReader();
      await reader.read();
      const trailers = entries(from);
      await reader.cancel();
      return trailers;
    };
    expect(await seenOf(during, chunked(LARGE, "X-A: 1\r\n"))).toBe("ERR_BODY_UNREAD");
  });

  test("too many lines, too long ones, and too many bytes: 431 for the request", async () => {
    const limits = { headersMax: 10, headerBytesMax: 200, trailerBytesMax: 500 };
    for (const trailers of [
      "A: 1\r\n".repeat(11),
      `A: ${"1".repeat(198)}\r\n`,
      `A: ${"1".repeat(100)}\r\n`.repeat(5),
    ]) {
      for (const body of ["small", LARGE]) {
        const { world, seen } = worldOf(readFirst, limits);
        const peer = world.connect();
        await sendSlowly(world, peer, chunked(body, trailers) + GET);
        await world.until(() => peer.ended);
        expect(peer.answers().map(({ status }) => status)).toEqual([431]);
        await world.settle();
        expect(seen).toEqual(body === "small" ? [] : ["ERR_BODY_MALFORMED"]);
        peer.leave();
        await world.settle();
        world.checkEnd();
      }
    }
    const most = `${"A: 1\r\n".repeat(9)}B: ${"1".repeat(197)}\r\n`;
    expect(await seenOf(readFirst, chunked("small", most), limits)).toHaveLength(2);
  });

  test("what is no field line: 400 for the request, and nothing behind it is read", async () => {
    const broken = [
      "X A: 1\r\n",
      "X-A : 1\r\n",
      " X-A: 1\r\n",
      "X-A: 1\n",
      ": 1\r\n",
      "X-A: \0\r\n",
    ];
    for (const trailers of [...broken, "X-A: 1\r\n folded\r\n", "GET / HTTP/1.1\r\n"]) {
      for (const body of ["small", LARGE]) {
        const { world, seen } = worldOf(readFirst);
        const peer = world.connect();
        await sendSlowly(world, peer, chunked(body, trailers) + GET);
        await world.until(() => peer.ended);
        expect([trailers, peer.answers().map(({ status }) => status)]).toEqual([trailers, [400]]);
        await world.settle();
        expect(seen).toEqual(body === "small" ? [] : ["ERR_BODY_MALFORMED"]);
        peer.leave();
        await world.settle();
        world.checkEnd();
      }
    }
  });
});

describe("trailersOf and the connection", () => {
  const begun = `${request("POST /", "", "Transfer-Encoding: chunked")}493e0\r\n${LARGE}\r\n`;

  /** Reads to the end, and asks as soon as reading has begun. */
  const whileReading: Look = async (from) => {
    const reader = from.body!.getReader();
    await reader.read();
    const trailers = entries(from);
    for (;;) {
      const { done } = await reader.read().catch(() => ({ done: true }));
      if (done) return trailers;
    }
  };

  async function reading(look: Look): Promise<[HttpWorld, HttpPeer, unknown[]]> {
    const { world, seen } = worldOf(look);
    const peer = world.connect();
    await sendSlowly(world, peer, begun);
    await world.settle();
    expect(seen).toEqual([]);
    return [world, peer, seen];
  }

  test("waits for them while the body comes", async () => {
    const [world, peer, seen] = await reading(whileReading);
    for (const character of "0\r\nX-A: 1\r\n\r") peer.send(character);
    await world.settle();
    expect(seen).toEqual([]);
    peer.send("\n");
    await peer.answered(1);
    expect(seen).toEqual([[["x-a", "1"]]]);
    peer.leave();
    await world.settle();
    world.checkEnd();
  });

  test("fails when the peer leaves, in the body, in a trailer, or by a reset", async () => {
    for (const rest of ["", "0", "0\r\nX-A: 1\r\n", "0\r\nX-A: 1\r\n\r"]) {
      for (const leave of ["leave", "reset"]) {
        const [world, peer, seen] = await reading(whileReading);
        peer.send(rest);
        if (leave === "leave") peer.leave();
        else peer.socket.peerReset();
        await world.until(() => seen.length === 1);
        expect([rest, leave, ...seen]).toEqual([rest, leave, "ERR_BODY_ABORTED"]);
        await world.settle();
        world.checkEnd();
      }
    }
  });

  test("nobody looks at its failure: nothing happens", async () => {
    const { world, seen } = worldOf(async (from) => {
      const reader = from.body!.getReader();
      await reader.read();
      void trailersOf(from);
      return "gone on";
    });
    const peer = world.connect();
    await sendSlowly(world, peer, begun);
    await world.until(() => seen.length === 1);
    peer.leave();
    await world.settle();
    world.checkEnd();
  });

  test("each request has its own, although their exchanges are one", async () => {
    const { world, seen } = worldOf(readFirst);
    const texts = ["1", "2", "3"].map((value) => chunked("b", `X-A: ${value}\r\n`));
    const peer = world.connect().send(texts.join("") + chunked("b", "") + GET);
    await peer.answered(5);
    expect(seen).toEqual([[["x-a", "1"]], [["x-a", "2"]], [["x-a", "3"]], [], []]);
    peer.leave();
    await world.settle();
    world.checkEnd();
  });

  test("knows those of a small body when the request is long over, and no others", async () => {
    const kept: Request[] = [];
    const { world } = worldOf((from) => void kept.push(from));
    const peer = world.connect();
    peer.send(chunked("small", "X-A: 1\r\n"));
    await peer.answered(1);
    peer.send(chunked("other", "X-A: 2\r\n"));
    await peer.answered(2);
    await sendSlowly(world, peer, chunked(LARGE, "X-A: 3\r\n"));
    await world.until(() => peer.answers().length === 3);
    await world.settle();
    const [small, , large] = kept;
    expect(await small!.text()).toBe("small");
    expect(await entries(small!)).toEqual([["x-a", "1"]]);
    await large!.text().catch(() => {});
    const code = await trailersOf(large!).catch((error: MillraceError) => error.code);
    expect(code).toBe("ERR_BODY_UNREAD");
    peer.leave();
    await world.settle();
    world.checkEnd();
  });
});

describe("trailersOf a copy", () => {
  const copies: [string, (from: Request) => Request][] = [
    ["clone", (from) => from.clone() as unknown as Request],
    ["new Request", (from) => new Request(from)],
    ["new Request with fields", (from) => new Request(from, { headers: { "X-B": "2" } })],
    ["new Request of a new Request", (from) => new Request(new Request(from) as Request)],
    ["clone of a new Request's origin", (from) => new Request(from.clone() as never)],
  ];

  test.each(copies)("gives what its origin has: %s", async (_name, copyOf) => {
    for (const body of ["hello", LARGE]) {
      const look: Look = async (from) => {
        const copy = copyOf(from);
        await copy.bytes();
        return entries(copy);
      };
      expect(await seenOf(look, chunked(body, "X-A: 1\r\n"))).toEqual([["x-a", "1"]]);
    }
  });

  test("with a body of its own gives none", async () => {
    const look: Look = async (from) => {
      await from.bytes();
      const other = new Request(from, { method: "POST", body: "other" });
      await other.text();
      return entries(other);
    };
    expect(await seenOf(look, chunked("hello", "X-A: 1\r\n"))).toEqual([]);
  });
});
