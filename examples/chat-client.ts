// The terminal's end of the chat: a line that you type is said in the room, what others say is
// printed. A heartbeat every 20 s keeps the connection; Ctrl-D leaves.
//
//   bun examples/chat-client.ts [HOST:PORT] [ROOM] [NAME]

import { encodeFrame, FRAME_READY, lengthField } from "millrace";

const FRAME_BYTES_MAX = 4096;
const HEARTBEAT_MS = 20_000;
const HEARTBEAT: Uint8Array = new Uint8Array(0);

const [address = "127.0.0.1:9000", room = "lobby", name = `guest-${process.pid}`] =
  process.argv.slice(2);
const [, hostname = "", port = ""] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(address) ?? [];
if (hostname === "" || Number(port) > 65_535) {
  console.error("usage: bun examples/chat-client.ts [HOST:PORT] [ROOM] [NAME]");
  process.exit(1);
}
const framing = lengthField({ bytes: 2, maxFrameBytes: FRAME_BYTES_MAX });
const decoder = framing.createDecoder();
let received = Buffer.alloc(0);
let unsent = Buffer.alloc(0);
let isIn = false;

function show(frame: string): void {
  const text = frame.replace(/\p{Cc}/gu, ""); // they would be orders to the terminal
  const [, verb, , rest = ""] = /^(\S+) (\S+) ?(.*)$/s.exec(text) ?? [];
  if (verb === "MESSAGE") console.log(rest.replace(" ", ": "));
  else console.log(`* ${text}`);
  if (verb === "JOINED") isIn = true;
  if (verb === "LEFT") process.exit(0);
  if (verb === "ERROR" && !isIn) process.exit(1);
}

const socket = await Bun.connect({
  hostname,
  port: Number(port),
  socket: {
    data(_, chunk) {
      received = Buffer.concat([received, chunk]);
      while (decoder.next(received, 0, received.length) === FRAME_READY) {
        const frame = received.subarray(decoder.frameStart, decoder.frameEnd);
        if (frame.length > 0) show(frame.toString());
        received = received.subarray(decoder.position);
      }
    },
    drain: () => flush(),
    close() {
      console.log("* the server has closed the connection");
      process.exit(1);
    },
  },
}).catch((error: Error) => {
  console.error(`Cannot reach ${address}: ${error.message}`);
  process.exit(1);
});

function send(payload: Uint8Array | string): void {
  const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
  if (bytes.length > FRAME_BYTES_MAX) return console.log("* too long");
  unsent = Buffer.concat([unsent, encodeFrame(framing, bytes)]);
  flush();
}

/** A socket takes what it has room for; the rest waits for its drain event. */
function flush(): void {
  const count = socket.write(unsent);
  if (count > 0) unsent = unsent.subarray(count);
}

send(`JOIN ${room} ${name}`);
setInterval(() => send(HEARTBEAT), HEARTBEAT_MS);
for await (const line of console) if (line !== "") send(`SAY ${room} ${line}`);
send(`LEAVE ${room}`);
