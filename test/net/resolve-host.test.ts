import { expect, test } from "bun:test";
import { resolveHost } from "../../src/net/resolve-host.ts";

test.each(["127.0.0.1", "0.0.0.0", "::", "fe80::1"])("resolveHost keeps %p", async (literal) => {
  expect(await resolveHost(literal, 80)).toBe(literal);
});

test("resolveHost takes IPv6 out of its brackets", async () => {
  expect(await resolveHost("[::1]", 80)).toBe("::1");
});

test("resolveHost finds localhost, IPv4 first", async () => {
  expect(await resolveHost("localhost", 80)).toBe("127.0.0.1");
});

test.each(["no..such..host", "", "[::1", "a b", "..", "x".repeat(300)])(
  "resolveHost refuses %p",
  async (host) => {
    await expect(resolveHost(host, 80)).rejects.toThrow(
      `Cannot listen on ${host}:80: unknown host "${host}"`,
    );
  },
);
