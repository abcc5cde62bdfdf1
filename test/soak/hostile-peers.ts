// Peers that do what a server is afraid of: they say nothing, stop half-way, reset, send nonsense,
// or ask for much and take nothing. What the server owes them is an end, and that is checked.

import { AnswerReader } from "./soak-answers.ts";
import { PATTERN } from "./soak-pattern.ts";
import { SoakSocket } from "./soak-socket.ts";
import type { Soak, Way } from "./soak-world.ts";

const NONSENSE: readonly string[] = [
  "nonsense\r\n\r\n",
  "GET /hello HTTP/1.1\r\n\r\n",
  "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  "GET /he\x01llo HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /digest HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
];

async function open(soak: Soak, port: number): Promise<SoakSocket | null> {
  return SoakSocket.open(port, soak.books);
}

/** Waits for the end that the server owes this peer; when the load ends, it goes by itself. */
async function untilEvicted(soak: Soak, socket: SoakSocket, what: string): Promise<void> {
  const leave = soak.whenEnding(() => socket.terminate());
  if (!(await socket.untilEnded())) soak.books.complain(`${what} was not closed`);
  else if (leave()) soak.books.ended++;
  socket.close();
}

export const silent: Way = async (soak) => {
  const socket = await open(soak, soak.ports.http);
  if (socket === null) return;
  soak.books.mute++;
  await untilEvicted(soak, socket, "a silent peer");
};

/** Like one whose machine has gone without a word: the connection is open at this end only. */
export const silentFrames: Way = async (soak) => {
  const socket = await open(soak, soak.random.pick([soak.ports.peerBeats, soak.ports.serverBeats]));
  if (socket === null) return;
  soak.books.mute++;
  await untilEvicted(soak, socket, "a peer without heartbeats");
};

export const halfHead: Way = async (soak) => {
  const socket = await open(soak, soak.ports.http);
  if (socket === null) return;
  const head = "GET /hello HTTP/1.1\r\nHost: soak\r\nX-Long: and it goes on";
  soak.books.malformed++;
  await socket.write(head.slice(0, soak.random.between(1, head.length)));
  await untilEvicted(soak, socket, "a head that never ends");
};

export const malformed: Way = async (soak) => {
  const socket = await open(soak, soak.ports.http);
  if (socket === null) return;
  soak.books.malformed++;
  const sent = soak.random.pick(NONSENSE);
  await socket.write(sent);
  const answer = await new AnswerReader(socket).next();
  if (answer !== null) soak.books.read[Math.floor(answer.status / 100)]!++;
  if (answer !== null && answer.status !== 400) {
    soak.books.complain(`${JSON.stringify(sent)} was answered ${answer.status}`);
  }
  socket.finish();
  await untilEvicted(soak, socket, "a peer that sends nonsense");
};

/** Goes with a reset in the middle of whatever it does. */
export const resetting: Way = async (soak) => {
  const { random, books } = soak;
  const isFrames = random.oneIn(4);
  const socket = await open(soak, isFrames ? soak.ports.peerBeats : soak.ports.http);
  if (socket === null) return;
  const leave = soak.whenEnding(() => socket.terminate());
  const sent = isFrames ? halfFrame(soak) : halfRequest(soak);
  socket.begin(sent);
  if (random.oneIn(2)) await socket.read();
  if (random.oneIn(2)) await Bun.sleep(random.below(10));
  leave();
  books.mute++; // it may be gone before it is accepted
  socket.terminate();
};

function halfFrame(soak: Soak): Buffer {
  const frame = Buffer.alloc(4 + 100);
  frame.writeUInt32BE(200, 0);
  return frame.subarray(0, soak.random.between(1, frame.length));
}

function halfRequest(soak: Soak): Uint8Array | string {
  const { random, books } = soak;
  const kind = random.below(3);
  if (kind === 0) return "GET /hello HTTP/1.1\r\nHo";
  books.heads++;
  books.givenUp++;
  if (kind === 1) return "GET /stream/2000000 HTTP/1.1\r\nHost: soak\r\n\r\n";
  const head = "POST /hold HTTP/1.1\r\nHost: soak\r\nContent-Length: 300000\r\n\r\n";
  return Buffer.concat([Buffer.from(head), PATTERN.subarray(0, random.below(299_999))]);
}

/** Asks for megabytes and takes nothing of them; resolves once it has asked. */
async function turnDeaf(soak: Soak): Promise<SoakSocket | null> {
  const socket = await open(soak, soak.ports.http);
  if (socket === null) return null;
  socket.turnDeaf();
  soak.books.heads++;
  soak.books.givenUp++;
  const path = soak.random.pick(["bytes", "stream"]);
  await socket.write(`GET /${path}/${DEAF_BYTES} HTTP/1.1\r\nHost: soak\r\n\r\n`);
  return socket;
}

const DEAF_BYTES = 4_000_000; // more than the kernel takes
const DEAF_MS = 12_000; // the write timeout, the linger time, and much more: for a busy machine
const FLOOD_STEP = 16;
const FLOOD_PEERS_MAX = 320;

/**
 * Deaf peers, more and more of them, until the memory limit has refused somebody a buffer; then all
 * of them wait for the end that the write timeout, or the limit, puts to them.
 */
export async function floodMemory(soak: Soak): Promise<void> {
  const before = await soak.server.refusals();
  const deaf: SoakSocket[] = [];
  while (deaf.length < FLOOD_PEERS_MAX && !soak.isEnding) {
    const opened = await Promise.all(Array.from({ length: FLOOD_STEP }, () => turnDeaf(soak)));
    deaf.push(...opened.filter((socket) => socket !== null));
    if ((await soak.server.refusals()) > before) break;
  }
  soak.books.floods++;
  await Promise.all(deaf.map((socket) => untilCutOff(soak, socket)));
}

/** What the server ends in order, with a 503, this peer sees only when it reads after all. */
async function untilCutOff(soak: Soak, socket: SoakSocket): Promise<void> {
  const leave = soak.whenEnding(() => socket.terminate());
  await socket.untilClosed(DEAF_MS);
  let byteCount = 0;
  for (let chunk; (chunk = await socket.read()) !== null;) byteCount += chunk.length;
  if (socket.isStuck) soak.books.complain("a peer that reads nothing was not closed");
  else if (byteCount >= DEAF_BYTES) soak.books.complain("a peer that read nothing was waited for");
  else if (leave()) soak.books.ended++;
  socket.terminate();
}
