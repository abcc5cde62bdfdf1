// An upload that proves itself: the client sends the SHA-256 of the body behind it, in a trailer,
// since it is known only when all has been sent. The body is never held whole.
//
//   bun run start -- ./examples/trailers.ts
//   sum=8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4; printf '%b' \
//     'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' \
//     "2\r\nhi\r\n0\r\nX-SHA256: $sum\r\n\r\n" | nc 127.0.0.1 3000

import { trailersOf } from "millrace";

async function receive(request: Request): Promise<Response> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const piece of request.body ?? []) hasher.update(piece);
  const expected = (await trailersOf(request)).get("x-sha256");
  if (expected === null) return new Response("no checksum\n", { status: 400 });
  const isWhole = expected.toLowerCase() === hasher.digest("hex");
  return new Response(isWhole ? "whole\n" : "damaged\n", { status: isWhole ? 200 : 422 });
}

export default { port: 3000, fetch: receive };
