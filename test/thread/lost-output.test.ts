import { expect, test } from "bun:test";
import { PassThrough } from "node:stream";
import { surviveLostOutput } from "../../src/thread/lost-output.ts";

test("surviveLostOutput keeps the error of a broken stream from being uncaught", () => {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const lost = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  expect(() => stream.emit("error", lost)).toThrow("EPIPE");
  surviveLostOutput([stream]);
  stream.emit("error", lost);
  stream.emit("error", lost);
});
