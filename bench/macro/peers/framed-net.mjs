// The framed echo on node:net, for Node.js and for Bun, with the framing by hand.
//   node framed-net.mjs PORT

import { createServer } from "node:net";

const HEAD_BYTES = 4;
const FRAME_BYTES_MAX = 1 << 20;

createServer({ noDelay: true }, (socket) => {
  let rest = null;
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    const bytes = rest === null ? chunk : Buffer.concat([rest, chunk]);
    rest = null;
    const answers = [];
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUInt32BE(at);
      if (length > FRAME_BYTES_MAX) return socket.destroy();
      const end = at + HEAD_BYTES + length;
      if (end > bytes.length) break;
      answers.push(message(bytes.subarray(at + HEAD_BYTES, end)));
      at = end;
    }
    if (at < bytes.length) rest = Buffer.from(bytes.subarray(at));
    if (answers.length > 0)
      socket.write(answers.length === 1 ? answers[0] : Buffer.concat(answers));
  });
}).listen(Number(process.argv[2]), "127.0.0.1");

/** What the application does: the frame goes back. */
function message(frame) {
  const answer = Buffer.allocUnsafe(HEAD_BYTES + frame.length);
  answer.writeUInt32BE(frame.length, 0);
  answer.set(frame, HEAD_BYTES);
  return answer;
}
