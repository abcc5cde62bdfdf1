// Bare Bun.listen: what Bun's own socket layer costs. It counts blank lines and answers each with
// the same bytes; it parses nothing and keeps no unsent byte, as no server may. `/spin` holds the
// loop for 300 ms, for the burst bench.   bun bun-listen.ts PORT

import { argv, listen } from "bun";

const SPIN_MS = 300;
const BATCH_MAX = 256;
const blank: Buffer = Buffer.from("\r\n\r\n");
const head: string =
  "Date: Mon, 23 Nov 2026 06:00:00 GMT\r\n" +
  "Content-Type: text/plain;charset=utf-8\r\nContent-Length: 13\r\n";
const keep: Buffer = Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\nHello, World!`);
const close: Buffer = Buffer.from(
  `HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\nHello, World!`,
);
const batch: Buffer = Buffer.concat(new Array<Buffer>(BATCH_MAX).fill(keep));

interface Peer {
  rest: Buffer | undefined;
}

function spin(): void {
  const end = performance.now() + SPIN_MS;
  while (performance.now() < end);
}

listen<Peer>({
  hostname: "127.0.0.1",
  port: Number(argv[2] ?? 8080),
  socket: {
    open(socket) {
      socket.data = { rest: undefined };
    },
    data(socket, chunk) {
      const peer = socket.data;
      const bytes = peer.rest === undefined ? chunk : Buffer.concat([peer.rest, chunk]);
      let count = 0;
      let start = 0;
      for (let at = bytes.indexOf(blank); at >= 0; at = bytes.indexOf(blank, start)) {
        start = at + blank.length;
        count++;
      }
      peer.rest = start === bytes.length ? undefined : bytes.subarray(start);
      if (bytes[5] === 0x73 && bytes.indexOf("/spin") === 4) spin();
      if (count === 1 && bytes.indexOf("Connection: close") >= 0) {
        socket.write(close);
        socket.end();
        return;
      }
      for (; count > 0; count -= BATCH_MAX) {
        socket.write(batch, 0, Math.min(count, BATCH_MAX) * keep.length);
      }
    },
  },
});
