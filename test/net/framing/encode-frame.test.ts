import { expect, test } from "bun:test";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import { lengthField } from "../../../src/net/framing/length-field.ts";
import { line } from "../../../src/net/framing/line.ts";
import { fromHex, hexOf } from "./replay-frames.ts";

test("encodeFrame gives head, payload and tail, and no byte more", () => {
  expect(hexOf(encodeFrame(lengthField({ bytes: 2 }), fromHex("aabb")))).toBe("0002aabb");
  expect(hexOf(encodeFrame(lengthField({ bytes: "varint" }), fromHex("aa")))).toBe("01aa");
  expect(hexOf(encodeFrame(line(), fromHex("6162")))).toBe("61620a");
  expect(hexOf(encodeFrame(line({ ending: "crlf" }), fromHex("")))).toBe("0d0a");
});

test("encodeFrame leaves the payload as it was", () => {
  const payload = fromHex("ca0000aabb");
  encodeFrame(lengthField({ bytes: 2, offset: 1 }), payload);
  expect(hexOf(payload)).toBe("ca0000aabb");
});

test("encodeFrame says why a payload cannot be a frame", () => {
  expect(() => encodeFrame(line(), fromHex("0a"))).toThrow(
    new RangeError("Cannot send the frame: it contains the delimiter"),
  );
});
