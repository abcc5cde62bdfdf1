import { expect, test } from "bun:test";
import {
  METHOD_CONNECT,
  METHOD_GET,
  METHOD_NAMES,
  METHOD_OTHER,
  methodOf,
} from "../../src/http/methods.ts";
import { latin1 } from "../support/replay.ts";

function recognise(name: string): number {
  return methodOf(latin1(`x${name} /`), 1, 1 + name.length);
}

test("methodOf recognises every name", () => {
  for (const [method, name] of METHOD_NAMES.entries()) {
    if (name !== "") expect(recognise(name)).toBe(method);
  }
  expect(METHOD_NAMES[METHOD_GET]).toBe("GET");
  expect(METHOD_NAMES[METHOD_CONNECT]).toBe("CONNECT");
});

test("methodOf takes every other token for METHOD_OTHER", () => {
  for (const name of METHOD_NAMES.slice(1)) {
    expect(recognise(name.toLowerCase())).toBe(METHOD_OTHER);
    expect(recognise(`${name}S`)).toBe(METHOD_OTHER);
    expect(recognise(name.slice(0, -1))).toBe(METHOD_OTHER);
    for (let index = 0; index < name.length; index++) {
      const changed = `${name.slice(0, index)}~${name.slice(index + 1)}`;
      expect(recognise(changed)).toBe(METHOD_OTHER);
    }
  }
  for (const name of ["G", "AB", "ABC", "ABCD", "ABCDE", "ABCDEF", "ABCDEFG", "PROPPATCH"]) {
    expect(recognise(name)).toBe(METHOD_OTHER);
  }
});
