import { expect, test } from "bun:test";
import { ESCAPE_HEX, ESCAPE_JSON, writeEscaped } from "../../src/server/access-log-escape.ts";
import { Random, seedOfRun } from "../support/random.ts";

function escaped(text: string, style: number, bytesMax = 4096): string {
  const source = Buffer.from(`<${text}>`, "latin1");
  const target = Buffer.alloc(bytesMax + 2, "#");
  const end = writeEscaped(target, 1, source, 1, source.length - 1, bytesMax, style);
  expect(target[0]).toBe(0x23);
  expect(end - 1).toBeLessThanOrEqual(bytesMax);
  expect(target.subarray(end).every((byte) => byte === 0x23)).toBe(true);
  return target.toString("latin1", 1, end);
}

test("writeEscaped leaves what is printable and harmless as it is", () => {
  const plain = " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`az{|}~";
  expect(escaped(plain, ESCAPE_HEX)).toBe(plain);
  expect(escaped(plain, ESCAPE_JSON)).toBe(plain);
  expect(escaped("", ESCAPE_HEX)).toBe("");
});

test("writeEscaped escapes as nginx does", () => {
  expect(escaped('a"b\\c', ESCAPE_HEX)).toBe("a\\x22b\\x5Cc");
  expect(escaped("\0\t\r\n\x1b[2J\x7f\x80\xe9\xff", ESCAPE_HEX)).toBe(
    "\\x00\\x09\\x0D\\x0A\\x1B[2J\\x7F\\x80\\xE9\\xFF",
  );
});

test("writeEscaped makes JSON of every byte there is", () => {
  const all = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  const text = escaped(all, ESCAPE_JSON);
  expect(text).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(`"${text}"`)).toBe(all);
});

test("writeEscaped cuts what does not fit, never in an escape, and says so", () => {
  const random = new Random(seedOfRun());
  for (let round = 0; round < 500; round++) {
    const text = Buffer.from(random.bytes(random.below(200))).toString("latin1");
    const bytesMax = random.between(10, 300);
    for (const style of [ESCAPE_HEX, ESCAPE_JSON]) {
      const whole = escaped(text, style);
      const cut = escaped(text, style, bytesMax);
      if (cut !== whole)
        expect([random.seed, cut]).toEqual([random.seed, expect.stringMatching(/\.\.\.$/)]);
      if (style === ESCAPE_JSON) expect(() => JSON.parse(`"${cut}"`)).not.toThrow();
      else expect(cut).toMatch(/^(?:[^\\]|\\x[0-9A-F]{2})*$/);
    }
  }
});
