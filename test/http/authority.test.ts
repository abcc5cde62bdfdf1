import { expect, test } from "bun:test";
import { isIPv6 } from "node:net";
import { authorityError } from "../../src/http/authority.ts";
import { HTTP_HOST_EMPTY, HTTP_HOST_INVALID, HTTP_OK } from "../../src/http/http-error.ts";
import { Random, seedOfRun } from "../support/random.ts";
import { displace, latin1 } from "../support/replay.ts";

function check(text: string): number {
  const bytes = latin1(text);
  return authorityError(displace(bytes, 0, bytes.length, 5), 5, 5 + bytes.length);
}

test("authorityError accepts names, addresses and ports", () => {
  const valid = ["a", "a.b", "a:80", "a:", "a:0", "a:00065535", "1.2.3.4", "_a-b~c", "%41b%2e"];
  const literals = ["[::]", "[::1]:443", "[1::]:", "[fe80::1:2:3:4]", "[::ffff:10.20.30.255]"];
  for (const text of [...valid, ...literals]) expect([text, check(text)]).toEqual([text, HTTP_OK]);
});

test("authorityError tells empty from invalid", () => {
  for (const text of ["", ":", ":80", ":x"]) expect(check(text)).toBe(HTTP_HOST_EMPTY);
  const invalid = [
    "@",
    "a@b",
    "a b",
    "a,b",
    "a/",
    "a:b",
    "a:1:2",
    "a:65536",
    "%",
    "%4",
    "%4g",
    "a%",
  ];
  const literals = [
    "[",
    "[]",
    "[a",
    "[::1",
    "[::1]x",
    "[::1]:x",
    "[::1%25a]",
    "[v1.a]",
    "[1.2.3.4]",
  ];
  for (const text of [...invalid, ...literals]) {
    expect([text, check(text)]).toEqual([text, HTTP_HOST_INVALID]);
  }
});

test("authorityError agrees with the platform on random IPv6 addresses", () => {
  const random = new Random(seedOfRun());
  const pieces = ["::", ":", "0", "1f", "abcd", "FFFF", "12345", "1.2.3.4", "255.256.1.1", "."];
  let valid = 0;
  for (let count = 0; count < 20_000; count++) {
    let address = "";
    for (let size = random.between(1, 16); size > 0; size--) address += random.pick(pieces);
    if (random.oneIn(2)) address = randomGroups(random);
    const isValid = isIPv6(address);
    valid += isValid ? 1 : 0;
    const found = check(`[${address}]`) === HTTP_OK;
    expect([random.seed, address, found]).toEqual([random.seed, address, isValid]);
  }
  expect(valid).toBeGreaterThan(1000);
});

// Six to nine groups, with a gap in two of three: mostly valid.
function randomGroups(random: Random): string {
  const groups = Array.from({ length: random.between(1, 9) }, () =>
    random.below(65_536).toString(16),
  );
  if (!random.oneIn(3)) groups[random.below(groups.length)] = random.pick(["", "", "1.2.3.4"]);
  const joined = groups.join(":");
  return random.oneIn(4) ? `::${joined}` : joined;
}
