// The other end of the bench of silent connections, a process of its own: opens COUNT connections,
// each of which sends one frame and waits for its echo. On "talk" all but the first SILENT send
// another; on "end" it says which were closed, and how long after their last frame.
//   bun silent-client.ts PORT COUNT SILENT

import { argv, connect, type Socket } from "bun";

/** What it says at "end". */
export interface Outcome {
  closedSilent: number;
  closedTalkers: number;
  /** Between the last frame of each silent one and its end: never less than the timeout. */
  sentToEndMs: number[];
  /** Between the echo of that frame and the end: the server heard it in between. */
  echoToEndMs: number[];
}

interface Held {
  isSilent: boolean;
  sentMs: number;
  echoMs: number;
  closedMs: number;
  answered: () => void;
}

const AT_ONCE = 200; // connections that wait for their echo at the same time
const FRAME: Buffer = Buffer.from([0, 1, 0x2e]);

const held: Held[] = [];
const sockets: Socket<Held>[] = [];

function open(port: number, isSilent: boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const one: Held = { isSilent, sentMs: 0, echoMs: 0, closedMs: 0, answered: resolve };
  held.push(one);
  connect<Held>({
    hostname: "127.0.0.1",
    port,
    data: one,
    socket: {
      open(socket) {
        sockets.push(socket);
        send(socket);
      },
      data({ data }) {
        data.echoMs = performance.now();
        data.answered();
      },
      close({ data }) {
        data.closedMs = performance.now();
      },
      connectError: (_socket, error) => reject(error),
    },
  }).catch(reject);
  return promise;
}

function send(socket: Socket<Held>): void {
  socket.data.sentMs = performance.now();
  socket.write(FRAME);
}

function outcome(): Outcome {
  const closed = held.filter((one) => one.closedMs > 0);
  const silent = closed.filter((one) => one.isSilent);
  return {
    closedSilent: silent.length,
    closedTalkers: closed.length - silent.length,
    sentToEndMs: silent.map((one) => one.closedMs - one.sentMs),
    echoToEndMs: silent.map((one) => one.closedMs - one.echoMs),
  };
}

async function main(port: number, count: number, silent: number): Promise<void> {
  for (let started = 0; started < count; started += AT_ONCE) {
    const batch = Math.min(AT_ONCE, count - started);
    const opening = Array.from({ length: batch }, (_, index) =>
      open(port, started + index < silent),
    );
    await Promise.all(opening);
  }
  console.log("open");
  for await (const line of console) {
    if (line === "talk") {
      for (const socket of sockets) if (!socket.data.isSilent) send(socket);
      console.log("talked");
    }
    if (line === "end") break;
  }
  console.log(JSON.stringify(outcome()));
}

await main(Number(argv[2]), Number(argv[3]), Number(argv[4]));
process.exit(0);
