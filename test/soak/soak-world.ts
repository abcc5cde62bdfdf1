// What all parts of a soak share: the server, the books, the seeded chance, and whether it is over.
// A way is one life of a peer; `keepGoing` lets so many of a kind live one after the other.

import type { Random } from "../support/random.ts";
import type { SoakBooks } from "./soak-books.ts";
import type { Ports, SoakServer } from "./soak-server.ts";

export type Way = (soak: Soak) => Promise<void>;

export interface SoakFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export class Soak {
  readonly server: SoakServer;
  readonly books: SoakBooks;
  readonly random: Random;
  readonly files: readonly SoakFile[];
  /** The load is to stop: what has begun is brought to its end. */
  isEnding = false;
  private readonly leavers: Set<() => void> = new Set();
  private readonly loops: Promise<void>[] = [];

  constructor(server: SoakServer, books: SoakBooks, random: Random, files: readonly SoakFile[]) {
    this.server = server;
    this.books = books;
    this.random = random;
    this.files = files;
  }

  get ports(): Ports {
    return this.server.ports;
  }

  /** `count` peers of a kind, each followed by the next until the end. */
  keepGoing(count: number, way: Way): void {
    for (let i = 0; i < count; i++) this.loops.push(this.loop(way));
  }

  /** Runs `act` when the load ends, unless the function that is returned was called before: true
   *  then. For those who would otherwise wait for a deadline of the server. */
  whenEnding(act: () => void): () => boolean {
    if (this.isEnding) {
      act();
      return () => false;
    }
    this.leavers.add(act);
    return () => this.leavers.delete(act);
  }

  async untilEnded(): Promise<void> {
    this.isEnding = true;
    for (const leave of this.leavers) leave();
    this.leavers.clear();
    await Promise.all(this.loops.splice(0));
    this.isEnding = false;
  }

  private async loop(way: Way): Promise<void> {
    while (!this.isEnding) {
      await way(this);
      await Bun.sleep(1);
    }
  }
}
