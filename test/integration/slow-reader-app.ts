// An app that answers with far more than any peer of the test takes: a stream that is made as it
// leaves, a web stream, and bytes that are all there. GET /made tells how much was made in vain.

import { defineService, http } from "../../src/index.ts";

const BODY_BYTES = 100 * 1024 * 1024;
const PIECE: Uint8Array = new Uint8Array(64 * 1024).fill(0x61);
const WHOLE: Uint8Array = new Uint8Array(BODY_BYTES); // never written: the kernel lends one page

let madeBytes = 0;
let endedCount = 0;

async function* pieces(): AsyncGenerator<Uint8Array> {
  try {
    for (let bytes = 0; bytes < BODY_BYTES; bytes += PIECE.length) {
      madeBytes += PIECE.length;
      yield PIECE;
    }
  } finally {
    endedCount++;
  }
}

function webStream(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      madeBytes += PIECE.length;
      controller.enqueue(new Uint8Array(PIECE));
    },
    cancel() {
      endedCount++;
    },
  });
}

export default defineService({
  listeners: [
    http({
      port: 0,
      routes: {
        "GET /hello": (_request, response) => response.text("Hello, World!"),
        "GET /stream": (_request, response) => response.stream(pieces(), BODY_BYTES),
        "GET /whole": (_request, response) => response.send(WHOLE),
        "GET /some": (_request, response) => response.send(WHOLE.subarray(0, 12 * 1024 * 1024)),
        "GET /made": (_request, response) => response.json({ madeBytes, endedCount }),
      },
      fetch: () => new Response(webStream()),
    }),
  ],
});
