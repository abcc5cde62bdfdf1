import { describe, expect, test } from "bun:test";
import { encodeFrame } from "../../../src/net/framing/encode-frame.ts";
import { FRAME_MORE } from "../../../src/net/framing/framing.ts";
import { raw } from "../../../src/net/framing/raw.ts";
import { latin1 } from "../../support/replay.ts";
import { decodeAll, hexOf } from "./replay-frames.ts";

describe("raw", () => {
  test("gives what has come, and nothing when nothing has", () => {
    expect(decodeAll(raw(), latin1("abc"), [1, 3])).toBe("61 6263 +0");
    expect(raw().createDecoder().next(new Uint8Array(4), 2, 2)).toBe(FRAME_MORE);
    expect(hexOf(encodeFrame(raw(), latin1("ab")))).toBe("6162");
  });
});
