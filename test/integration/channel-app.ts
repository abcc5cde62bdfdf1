// A service for the test of channels between real workers: lines that say what to do.
//   who | flood COUNT | heard | crash

import { type Channel, defineService, line, tcp } from "millrace";

const PAYLOAD: Buffer = Buffer.alloc(1_000, 0x2e);
let channel: Channel;
let worker: number;
let heard = 0;

/** Publishes so many; a refused one is tried again in the next turn. Returns the refusals. */
async function flood(count: number): Promise<number> {
  let refused = 0;
  for (let sent = 0; sent < count;) {
    if (channel.publish("flood", PAYLOAD)) {
      sent++;
    } else {
      refused++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return refused;
}

export default defineService({
  setup(context) {
    channel = context.channel;
    worker = context.index;
    channel.subscribe("flood", (payload) => {
      if (payload.equals(PAYLOAD)) heard++;
    });
    channel.subscribe("throw", () => {
      throw new Error("in a channel's handler");
    });
    return () => channel.publish("flood", PAYLOAD); // a clean-up may still speak
  },
  listeners: [
    tcp({
      port: 0,
      framing: line(),
      async message(connection, frame) {
        const [verb, count] = frame.toString().split(" ");
        if (verb === "crash") setTimeout(() => process.exit(9), 0);
        if (verb === "throw") channel.publish("throw", "");
        if (verb === "flood") connection.send(`flooded ${await flood(Number(count))}`);
        if (verb === "heard") connection.send(String(heard));
        if (verb === "who" || verb === "throw") connection.send(String(worker));
      },
    }),
  ],
});
