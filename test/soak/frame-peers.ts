// The honest peers of the soak's TCP services: they talk in frames of all sizes, cut anywhere,
// several at a time, with heartbeats between them, and want every frame back as it was.

import { PATTERN } from "./soak-pattern.ts";
import { SoakSocket } from "./soak-socket.ts";
import type { Soak, Way } from "./soak-world.ts";

const HEAD_BYTES = 4;
const FRAME_BYTES_MAX = 40_000;
const TALKS_MAX = 30;
const REST_MS_MAX = 60;
const BEAT: Buffer = Buffer.alloc(HEAD_BYTES);

export class FrameReader {
  private readonly socket: SoakSocket;
  private rest: Buffer = Buffer.alloc(0);

  constructor(socket: SoakSocket) {
    this.socket = socket;
  }

  /** Null when the connection ended before it was whole. */
  async next(): Promise<Buffer | null> {
    if (!(await this.fill(HEAD_BYTES))) return null;
    const end = HEAD_BYTES + this.rest.readUInt32BE(0);
    if (!(await this.fill(end))) return null;
    const frame = this.rest.subarray(HEAD_BYTES, end);
    this.rest = this.rest.subarray(end);
    return frame;
  }

  private async fill(byteCount: number): Promise<boolean> {
    while (this.rest.length < byteCount) {
      const chunk = await this.socket.read();
      if (chunk === null) return false;
      this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    }
    return true;
  }
}

export function frameOf(payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEAD_BYTES + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** A conversation. `beats`: the peer speaks first; otherwise it answers what the server asks. */
function conversation(beats: boolean): Way {
  return async (soak) => {
    const port = beats ? soak.ports.peerBeats : soak.ports.serverBeats;
    const socket = await SoakSocket.open(port, soak.books);
    if (socket === null) return;
    const reader = new FrameReader(socket);
    socket.life = (await reader.next())?.toString() ?? null;
    if (socket.life === null) return cutOff(soak, socket, 0);
    for (let left = soak.random.between(1, TALKS_MAX); left > 0 && !soak.isEnding; left--) {
      const frames = framesToSay(soak, beats);
      soak.books.frames += frames.length;
      const isSent = await sendInPieces(soak, socket, Buffer.concat(frames.map(frameOf)));
      const missing = isSent ? await hearAll(soak, socket, reader, frames, beats) : frames.length;
      if (missing > 0) return cutOff(soak, socket, missing);
      await Bun.sleep(soak.random.below(REST_MS_MAX));
    }
    socket.finish();
    if (!(await socket.untilEnded())) soak.books.complain("a TCP service did not close");
    socket.close();
  };
}

function framesToSay(soak: Soak, beats: boolean): Buffer[] {
  return Array.from({ length: soak.random.between(1, 8) }, () => {
    if (beats && soak.random.oneIn(4)) return Buffer.alloc(0);
    const most = soak.random.pick([16, 1_000, FRAME_BYTES_MAX]);
    const at = soak.random.below(PATTERN.length - most);
    return PATTERN.subarray(at, at + soak.random.between(1, most));
  });
}

async function sendInPieces(soak: Soak, socket: SoakSocket, bytes: Buffer): Promise<boolean> {
  for (let at = 0; at < bytes.length;) {
    const end = at + soak.random.between(1, bytes.length - at);
    if (!(await socket.write(bytes.subarray(at, end)))) return false;
    at = end;
  }
  return true;
}

/** How many did not come back because the connection ended. */
async function hearAll(
  soak: Soak,
  socket: SoakSocket,
  reader: FrameReader,
  frames: readonly Buffer[],
  beats: boolean,
): Promise<number> {
  for (const [at, frame] of frames.entries()) {
    let heard = await reader.next();
    // The server asks whenever it likes; what it asks with is answered, and is no echo.
    while (heard !== null && !beats && heard.length === 0) {
      soak.books.beatsBack++;
      await socket.write(BEAT);
      heard = await reader.next();
    }
    if (socket.isStuck) soak.books.complain("a frame was not answered");
    if (heard === null) return frames.length - at;
    if (heard.equals(frame)) soak.books.echoes++;
    else
      soak.books.complain(`a frame of ${frame.length} bytes came back as ${heard.length} others`);
  }
  return 0;
}

function cutOff(soak: Soak, socket: SoakSocket, missing: number): void {
  soak.books.framesLost += missing;
  soak.books.frameCut(socket.life);
  socket.close();
}

export const peerBeats: Way = conversation(true);
export const serverBeats: Way = conversation(false);
