// The framed echo on a bare Bun.listen, with the framing by hand as a careful user would write it:
// frames are looked at in the chunk, a rest is joined with the next chunk, the answers of a chunk
// leave in one write, what the kernel refuses waits for drain. No limit, no heartbeat, no deadline.
//   bun framed-listen.ts PORT

interface State {
  rest: Buffer | null;
  unsent: Buffer[];
}

const HEAD_BYTES = 4;
const FRAME_BYTES_MAX = 1 << 20;

Bun.listen<State>({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  socket: {
    open(socket) {
      socket.data = { rest: null, unsent: [] };
    },
    data(socket, chunk) {
      const state = socket.data;
      const bytes = state.rest === null ? chunk : Buffer.concat([state.rest, chunk]);
      state.rest = null;
      const answers: Buffer[] = [];
      let at = 0;
      while (bytes.length - at >= HEAD_BYTES) {
        const length = bytes.readUInt32BE(at);
        if (length > FRAME_BYTES_MAX) return socket.terminate();
        const end = at + HEAD_BYTES + length;
        if (end > bytes.length) break;
        answers.push(message(bytes.subarray(at + HEAD_BYTES, end)));
        at = end;
      }
      if (at < bytes.length) state.rest = Buffer.from(bytes.subarray(at));
      if (answers.length > 0)
        send(socket, answers.length === 1 ? answers[0]! : Buffer.concat(answers));
    },
    drain(socket) {
      const waiting = socket.data.unsent;
      socket.data.unsent = [];
      for (const bytes of waiting) send(socket, bytes);
    },
  },
});

/** What the application does: the frame goes back. */
function message(frame: Buffer): Buffer {
  const answer = Buffer.allocUnsafe(HEAD_BYTES + frame.length);
  answer.writeUInt32BE(frame.length, 0);
  answer.set(frame, HEAD_BYTES);
  return answer;
}

function send(socket: Bun.Socket<State>, bytes: Buffer): void {
  const { unsent } = socket.data;
  if (unsent.length > 0) {
    unsent.push(bytes);
    return;
  }
  const count = socket.write(bytes);
  if (count >= 0 && count < bytes.length) unsent.push(bytes.subarray(count));
}
