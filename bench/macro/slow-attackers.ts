// Attackers of the slowloris bench, a process of its own: a third sends a head, a byte a second, a
// third a body, a third asks for megabytes and never reads. Whoever is ended comes again. Prints
// "open" when all are connected, and at the end of its standard input how often they were ended.
//   bun slow-attackers.ts PORT COUNT

import { argv, connect, type Socket } from "bun";

const HEAD = "GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ".padEnd(3_000, "x");
const BODY = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n".padEnd(90_000, "x");
const DEAF: string = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(8);
const KINDS: readonly (readonly [text: string, quick: number])[] = [
  [HEAD, 1],
  [BODY, 60],
  [DEAF, DEAF.length],
];
const AT_ONCE = 100;
const TURNS = 20; // in which the bytes of a second are spread
const SECOND_MS = 1_000;

interface Attack {
  kind: number;
  at: number;
}

const sockets = new Set<Socket<Attack>>();
let ended = 0;
let isOver = false;

async function attack(port: number, kind: number): Promise<void> {
  const [text, quick] = KINDS[kind]!;
  await connect<Attack>({
    hostname: "127.0.0.1",
    port,
    data: { kind, at: quick },
    socket: {
      open(socket) {
        sockets.add(socket);
        if (kind === 2) socket.pause();
        socket.write(text.slice(0, quick));
      },
      data() {},
      close(socket) {
        sockets.delete(socket);
        if (isOver) return;
        ended++;
        setTimeout(() => void attack(port, kind).catch(() => {}), 100);
      },
    },
  });
}

/** A byte a second from each, spread over the second. */
function trickle(): void {
  let turn = 0;
  setInterval(() => {
    let index = 0;
    turn = (turn + 1) % TURNS;
    for (const socket of sockets) {
      if (index++ % TURNS !== turn || socket.data.kind === 2) continue;
      const [text] = KINDS[socket.data.kind]!;
      if (socket.data.at < text.length) socket.write(text[socket.data.at++]!);
    }
  }, SECOND_MS / TURNS);
}

async function main(port: number, count: number): Promise<void> {
  trickle();
  for (let started = 0; started < count; started += AT_ONCE) {
    const batch = Math.min(AT_ONCE, count - started);
    await Promise.all(
      Array.from({ length: batch }, (_, index) => attack(port, (started + index) % KINDS.length)),
    );
  }
  console.log("open");
  await Bun.stdin.text();
  isOver = true;
  console.log(JSON.stringify({ ended, open: sockets.size }));
}

await main(Number(argv[2]), Number(argv[3]));
process.exit(0);
