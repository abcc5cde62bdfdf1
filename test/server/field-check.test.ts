import { expect, test } from "bun:test";
import { checkFieldName, checkFieldValue } from "../../src/server/field-check.ts";

const accepts = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return false;
  }
};

test("checkFieldName accepts exactly the characters of a token", () => {
  const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
  for (let code = 0; code < 300; code++) {
    const character = String.fromCharCode(code);
    expect([code, accepts(() => checkFieldName(`X${character}`))]).toEqual([
      code,
      token.test(character),
    ]);
  }
  expect(accepts(() => checkFieldName(""))).toBe(false);
});

test("checkFieldValue accepts exactly what RFC 9110 section 5.5 allows", () => {
  for (let code = 0; code < 300; code++) {
    const value = `a${String.fromCharCode(code)}b`;
    const allowed = code === 9 || (code >= 32 && code < 127) || (code >= 128 && code < 256);
    expect([code, accepts(() => checkFieldValue("X", value))]).toEqual([code, allowed]);
  }
  expect(accepts(() => checkFieldValue("X", ""))).toBe(true);
  expect(accepts(() => checkFieldValue("X", "a\n"))).toBe(false);
});
