// The other end of the idle bench, a process of its own: opens COUNT connections, asks each for one
// answer, reads it whole, and holds them all until its standard input ends.
//   bun idle-client.ts PORT COUNT      prints one line of JSON when all are held

import { argv, connect, type Socket } from "bun";

const AT_ONCE = 100; // connections that wait for their answer at the same time
const ANSWER_END = "Hello, World!";
const request: Buffer = Buffer.from("GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

interface Held {
  text: string;
  answered: () => void;
  lost: () => void;
}

const sockets: Socket<Held>[] = [];
let dropped = 0; // connections that the server ended while they were held

function hold(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const held: Held = {
      text: "",
      answered: () => resolve(true),
      lost: () => resolve(false),
    };
    connect<Held>({
      hostname: "127.0.0.1",
      port,
      data: held,
      socket: {
        open(socket) {
          sockets.push(socket);
          socket.write(request);
        },
        data({ data }, chunk) {
          data.text += chunk.toString("latin1");
          if (!data.text.endsWith(ANSWER_END)) return;
          data.text = "";
          data.answered();
        },
        close({ data }) {
          dropped++;
          data.lost();
        },
        connectError: (_socket) => held.lost(),
      },
    }).catch(held.lost);
  });
}

async function main(port: number, count: number): Promise<void> {
  let answered = 0;
  for (let started = 0; started < count; started += AT_ONCE) {
    const batch = Math.min(AT_ONCE, count - started);
    const outcomes = await Promise.all(Array.from({ length: batch }, () => hold(port)));
    answered += outcomes.filter(Boolean).length;
  }
  console.log(JSON.stringify({ answered }));
  await Bun.stdin.text();
  console.log(JSON.stringify({ dropped }));
  for (const socket of sockets) socket.terminate();
}

await main(Number(argv[2]), Number(argv[3]));
process.exit(0);
