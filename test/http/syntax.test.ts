import { expect, test } from "bun:test";
import {
  ascii,
  CLASSES,
  equalsFolded,
  HEX,
  HEX_VALUES,
  HOST,
  LOWER,
  PATH,
  QUERY,
  QUOTED,
  TOKEN,
  VALUE,
  VISIBLE,
} from "../../src/http/syntax.ts";
import { latin1 } from "../support/replay.ts";

test("CLASSES says for every byte what the RFC's grammar says", () => {
  const grammar: [number, RegExp][] = [
    [TOKEN, /[!#$%&'*+\-.^_`|~0-9A-Za-z]/],
    [VISIBLE, /[\x21-\x7e]/],
    [PATH, /[\x21-\x22\x24-\x3e\x40-\x7e]/],
    [QUERY, /[\x21-\x22\x24-\x7e]/],
    [VALUE, /[\t\x20-\x7e\x80-\xff]/],
    [HOST, /[A-Za-z0-9\-._~!$&'()*+;=]/],
    [QUOTED, /[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]/],
    [HEX, /[0-9A-Fa-f]/],
  ];
  for (let byte = 0; byte < 256; byte++) {
    for (const [bit, pattern] of grammar) {
      const isIn = (CLASSES[byte]! & bit) !== 0;
      expect([byte, bit, isIn]).toEqual([byte, bit, pattern.test(String.fromCharCode(byte))]);
    }
  }
});

test("LOWER and HEX_VALUES cover every byte", () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const isLetter = /[A-Z]/.test(character);
    expect(LOWER[byte]).toBe(isLetter ? byte + 32 : byte);
    const value = /[0-9A-Fa-f]/.test(character) ? Number.parseInt(character, 16) : 255;
    expect(HEX_VALUES[byte]).toBe(value);
  }
});

test("equalsFolded compares letters without case and nothing else", () => {
  const name = ascii("x-name1");
  const equals = (text: string): boolean =>
    equalsFolded(latin1(`__${text}__`), 2, 2 + text.length, name);
  expect(equals("x-name1")).toBe(true);
  expect(equals("X-NaMe1")).toBe(true);
  for (const text of [
    "",
    "x-name",
    "x-name12",
    "x\rname1",
    "x-name\x11",
    "x_name1",
    "x-nam\xe51",
  ]) {
    expect([text, equals(text)]).toEqual([text, false]);
  }
});
