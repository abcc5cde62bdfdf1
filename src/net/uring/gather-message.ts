// The argument of one sendmsg(2) that sends two runs of bytes as if they were one. One per
// transport, filled anew for each call. The layout is that of 64-bit Linux, x86_64 and arm64 alike:
//
//   struct msghdr | name 8 | size 8 | vector 8 | count 8 | control 8 | size 8 | flags 8 |
//   vector        | address 8 | length 8 | address 8 | length 8 |

import { addressOf } from "./ring-calls.ts";

const HEADER_WORDS = 14;
const VECTOR_AT = 4;
const COUNT_AT = 6;
const WORD = 2 ** 32;

export class GatherMessage {
  readonly address: number;
  private readonly header: Uint32Array = new Uint32Array(HEADER_WORDS);
  private readonly vector: Uint32Array = new Uint32Array(8);

  constructor() {
    this.address = addressOf(this.header);
    write(this.header, VECTOR_AT, addressOf(this.vector));
    this.header[COUNT_AT] = 2;
  }

  set(first: number, firstBytes: number, second: number, secondBytes: number): void {
    write(this.vector, 0, first);
    write(this.vector, 2, firstBytes);
    write(this.vector, 4, second);
    write(this.vector, 6, secondBytes);
  }
}

function write(words: Uint32Array, at: number, value: number): void {
  words[at] = value % WORD;
  words[at + 1] = value / WORD;
}
