// A path of the site that leads to a file, with the forms in which the file can be sent. Made by
// StaticSite, owned by its cache; one that is not in the cache is released after its answer.

import { CODING_COUNT, CODING_IDENTITY } from "./static-codings.ts";
import type { Representation } from "./static-representation.ts";

/** The client refuses every coding that there is, identity too. */
export const NOTHING_ACCEPTABLE = -1;

// What may be done to send a file compressed that has no sibling.
export const EFFORT_NONE = 0;
export const EFFORT_BEGUN = 1; // only what has been compressed, or is being
export const EFFORT_ANY = 2;

export interface SiteFileOptions {
  /** As it is asked for, decoded: "/docs/". */
  readonly path: string;
  /** Of the file: "/docs/index.html". */
  readonly filePath: string;
  readonly plain: Representation;
  /** Precompressed siblings by coding. */
  readonly siblings: readonly (Representation | null)[];
  /** Whether we compress it ourselves for those who like that. */
  readonly compressible: boolean;
  readonly cacheControl: string | null;
}

export class SiteFile {
  readonly path: string;
  readonly filePath: string;
  readonly plain: Representation;
  readonly siblings: readonly (Representation | null)[];
  readonly compressible: boolean;
  readonly cacheControl: string | null;
  /** What we have compressed, by coding. */
  readonly compressed: (Representation | null)[];
  /** What we are compressing; null once it has turned out to be of no use. */
  readonly compressing: (Promise<Buffer | null> | null)[];
  /** Codings that do not make it smaller: a bit each. */
  useless = 0;
  /** The path as bytes of a request, when it needs no decoding; and their hash. */
  raw: Buffer | null = null;
  hash = 0;
  /** Of the reactor's clock: when it was last compared with the file system. */
  checkedAtMs = 0;
  /** Asked for again since the eviction hand came by: a file that is read once goes first. */
  used = false;
  cached = false;

  constructor(options: SiteFileOptions) {
    this.path = options.path;
    this.filePath = options.filePath;
    this.plain = options.plain;
    this.siblings = options.siblings;
    this.compressible = options.compressible;
    this.cacheControl = options.cacheControl;
    this.compressed = new Array<null>(CODING_COUNT).fill(null);
    this.compressing = new Array<null>(CODING_COUNT).fill(null);
  }

  /** Whether an answer depends on Accept-Encoding. */
  get varies(): boolean {
    return this.compressible || this.siblings.some((sibling) => sibling !== null);
  }

  /**
   * The coding to send to one who takes `accepted`, best first. A sibling comes before work of our
   * own, which `effort` bounds; NOTHING_ACCEPTABLE if there is nothing that the client takes.
   */
  choose(accepted: readonly number[], effort: number): number {
    let derived = NOTHING_ACCEPTABLE;
    for (let index = 0; index < accepted.length; index++) {
      const coding = accepted[index]!;
      if (coding === CODING_IDENTITY) return derived >= 0 ? derived : CODING_IDENTITY;
      if (this.siblings[coding] !== null) return coding;
      if (derived < 0 && this.canDerive(coding, effort)) derived = coding;
    }
    return derived;
  }

  private canDerive(coding: number, effort: number): boolean {
    if (!this.compressible || effort === EFFORT_NONE) return false;
    if ((this.useless & (1 << coding)) !== 0) return false;
    if (effort === EFFORT_ANY) return true;
    return this.compressed[coding] !== null || this.compressing[coding] !== null;
  }

  release(): void {
    this.plain.release();
    for (const sibling of this.siblings) sibling?.release();
    for (const compressed of this.compressed) compressed?.release();
    this.compressed.fill(null);
  }
}
