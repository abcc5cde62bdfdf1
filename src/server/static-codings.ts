// Content codings and which of them a client takes. Negotiation is done once for each value of
// Accept-Encoding that clients send, of which there are few: the answers are kept in a small table.
//
//   "gzip;q=0.5, br"  ->  [CODING_BR, CODING_GZIP, CODING_IDENTITY]      best first

import Negotiator from "negotiator";

export const CODING_IDENTITY = 0;
export const CODING_BR = 1;
export const CODING_ZSTD = 2;
export const CODING_GZIP = 3;
export const CODING_COUNT = 4;

/** Names in Accept-Encoding and Content-Encoding, by coding. */
export const CODING_NAMES: readonly string[] = ["identity", "br", "zstd", "gzip"];
/** What a sibling of a file adds to its name; RFC 9659 and custom. */
export const CODING_SUFFIXES: readonly string[] = ["", ".br", ".zst", ".gz"];

/** Among those a client likes equally: the smallest first, identity last. */
const PREFERRED: readonly string[] = ["br", "zstd", "gzip", "identity"];

const KEPT_MAX = 64;
const FIELD_BYTES_MAX = 512; // no client sends more; a hostile one would make us work for it

export const IDENTITY_ONLY: readonly number[] = [CODING_IDENTITY];

// The published types lag behind: `preferred` came with version 1.0.
type Encodings = (
  available: readonly string[],
  options: { readonly preferred: readonly string[] },
) => string[];

export class CodingPreferences {
  private readonly kept: Map<string, readonly number[]> = new Map();

  /** The codings that a client takes, best first; empty when it refuses even identity. */
  of(field: string): readonly number[] {
    const known = this.kept.get(field);
    if (known !== undefined) return known;
    if (field.length > FIELD_BYTES_MAX) return IDENTITY_ONLY;
    const found = negotiate(field);
    if (this.kept.size >= KEPT_MAX) this.kept.clear();
    this.kept.set(field, found);
    return found;
  }
}

function negotiate(field: string): readonly number[] {
  const negotiator = new Negotiator({ headers: { "accept-encoding": field } });
  try {
    const encodings = negotiator.encodings.bind(negotiator) as Encodings;
    return encodings(PREFERRED, { preferred: PREFERRED }).map((name) => CODING_NAMES.indexOf(name));
  } catch {
    return IDENTITY_ONLY; // not a list at all
  }
}
