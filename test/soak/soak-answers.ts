// Reads answers off one connection, one after the other, by rules of its own and strictly: a byte
// too many or too few is an error here. Bodies by Content-Length or in chunks, nothing else.

import type { SoakSocket } from "./soak-socket.ts";

export interface Answer {
  readonly status: number;
  readonly isLast: boolean;
  readonly body: Buffer;
}

/** What came instead of an answer. */
export class NotHttp extends Error {}

export class AnswerReader {
  /** Anything of the answer that was asked for last has come. */
  begun = false;
  private readonly socket: SoakSocket;
  private rest: Buffer = Buffer.alloc(0);

  constructor(socket: SoakSocket) {
    this.socket = socket;
  }

  /** Null when the connection ended before it was whole; throws NotHttp. */
  async next(): Promise<Answer | null> {
    this.begun = this.rest.length > 0;
    const head = await this.readHead();
    if (head === null) return null;
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
    if (status === undefined) throw new NotHttp(JSON.stringify(head.slice(0, 80)));
    this.socket.life = /^x-life: (\w+)\r$/im.exec(head)?.[1] ?? this.socket.life;
    const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
    const isChunked = /^transfer-encoding: chunked\r$/im.test(head);
    if ((length === undefined) !== isChunked) throw new NotHttp(JSON.stringify(head));
    const body = length === undefined ? await this.readChunks() : await this.take(Number(length));
    if (body === null) return null;
    return { status: Number(status), isLast: /^connection: close\r$/im.test(head), body };
  }

  /** Bytes behind the last answer: nobody asked for any. */
  get unasked(): number {
    return this.rest.length;
  }

  private async readHead(): Promise<string | null> {
    for (let from = 0; ;) {
      const at = this.rest.indexOf("\r\n\r\n", from);
      if (at >= 0) return (await this.take(at + 4))!.toString("latin1");
      from = Math.max(0, this.rest.length - 3);
      if (!(await this.more())) return null;
    }
  }

  private async readChunks(): Promise<Buffer | null> {
    const pieces: Buffer[] = [];
    for (;;) {
      const line = await this.readLine();
      if (line === null) return null;
      if (!/^[0-9a-f]+$/.test(line)) throw new NotHttp(`chunk size ${JSON.stringify(line)}`);
      const byteCount = Number.parseInt(line, 16);
      const piece = await this.take(byteCount);
      if (piece === null) return null;
      pieces.push(piece);
      const end = await this.readLine();
      if (end === null) return null;
      if (end !== "") throw new NotHttp(`behind a chunk: ${JSON.stringify(end)}`);
      if (byteCount === 0) return Buffer.concat(pieces);
    }
  }

  private async readLine(): Promise<string | null> {
    for (;;) {
      const at = this.rest.indexOf("\r\n");
      if (at >= 0) return (await this.take(at + 2))!.toString("latin1", 0, at);
      if (!(await this.more())) return null;
    }
  }

  private async take(byteCount: number): Promise<Buffer | null> {
    if (this.rest.length < byteCount) {
      const pieces = [this.rest];
      let have = this.rest.length;
      while (have < byteCount) {
        const chunk = await this.socket.read();
        if (chunk === null) return null;
        pieces.push(chunk);
        have += chunk.length;
      }
      this.rest = Buffer.concat(pieces);
    }
    const taken = this.rest.subarray(0, byteCount);
    this.rest = this.rest.subarray(byteCount);
    return taken;
  }

  private async more(): Promise<boolean> {
    const chunk = await this.socket.read();
    if (chunk === null) return false;
    this.begun = true;
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    return true;
  }
}
