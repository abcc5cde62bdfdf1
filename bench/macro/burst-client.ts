// The other end of the burst bench: makes the server busy with `/spin`, then opens COUNT
// connections at once, each with one request, and times each from connect to the whole answer.
//   bun burst-client.ts PORT COUNT      prints one line of JSON

import { argv, connect } from "bun";

export interface Burst {
  answered: number;
  failed: number;
  /** Answers that took as long as a repeated SYN: at least SLOW_MS. */
  slow: number;
  /** Until every connect had been asked for. */
  askedMs: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

const SLOW_MS = 900;
const BUSY_MS = 30; // time for /spin to reach the handler
const BURST_MS_MAX = 20_000;
const ANSWER_END = "Hello, World!";
const hello: Buffer = Buffer.from("GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
const spin: Buffer = Buffer.from("GET /spin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

/** Milliseconds until the answer was whole; NaN when the connection failed first. */
function ask(port: number, request: Buffer): Promise<number> {
  const started = performance.now();
  return new Promise((resolve) => {
    let text = "";
    connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (socket) => void socket.write(request),
        data(socket, chunk) {
          text += chunk.toString("latin1");
          if (!text.endsWith(ANSWER_END)) return;
          resolve(performance.now() - started);
          socket.end();
        },
        close: () => resolve(NaN),
        connectError: () => resolve(NaN),
      },
    }).catch(() => resolve(NaN));
  });
}

async function burst(port: number, count: number): Promise<Burst> {
  const busy = ask(port, spin);
  await Bun.sleep(BUSY_MS);
  const started = performance.now();
  const late = Bun.sleep(BURST_MS_MAX).then(() => NaN);
  const waits = Array.from({ length: count }, () => Promise.race([ask(port, hello), late]));
  const askedMs = performance.now() - started;
  const times = await Promise.all(waits);
  await busy;
  const answered = times.filter((ms) => !Number.isNaN(ms)).sort((left, right) => left - right);
  const at = (share: number): number => answered[Math.floor((answered.length - 1) * share)] ?? NaN;
  return {
    answered: answered.length,
    failed: count - answered.length,
    slow: answered.filter((ms) => ms >= SLOW_MS).length,
    askedMs,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  };
}

if (import.meta.main) {
  console.log(JSON.stringify(await burst(Number(argv[2]), Number(argv[3]))));
  process.exit(0);
}
