import { expect, test } from "bun:test";
import { toService } from "../../src/server/load-service.ts";
import { defineService, http } from "../../src/server/service.ts";

const fetch = (): Response => new Response("ok");

test("toService takes a function, an object with fetch, and a service", async () => {
  expect(toService("m", fetch).listeners).toMatchObject([{ kind: "http" }]);
  const [listener] = toService("m", { fetch, port: "81", hostname: "::1" }).listeners;
  expect(listener).toMatchObject({ kind: "http", port: 81, host: "::1" });
  const service = defineService({ listeners: [http({ fetch })] });
  expect(toService("m", service)).toBe(service);
});

test("toService calls fetch as a method of the app", async () => {
  const app = {
    name: "mine",
    fetch(): Response {
      return new Response(this.name);
    },
  };
  const [listener] = toService("m", app).listeners;
  const call = (listener as { fetch: (...args: unknown[]) => Response }).fetch;
  expect(await call(new Request("http://a/"), {}).text()).toBe("mine");
});

test("toService says in one line what is wrong with a module", () => {
  const wrong: [unknown, string][] = [
    [undefined, "no default export"],
    [null, "no default export"],
    ["text", "no default export"],
    [{}, "neither listeners nor a fetch function"],
    [{ fetch: "text" }, "neither listeners nor a fetch function"],
    [{ listeners: [] }, "a list of at least one"],
    [{ listeners: "text" }, "a list of at least one"],
    [{ listeners: [null] }, "not made by http() or tcp()"],
    [{ listeners: [{ kind: "ftp" }] }, "not made by http() or tcp()"],
    ...[-1, 65_536, 1.5, "", "x", "0x50", {}, null].map((port): [unknown, string] => [
      { fetch, port },
      "is not between 0 and 65535",
    ]),
  ];
  for (const [exported, why] of wrong) {
    let error: unknown;
    try {
      toService("file:///app.ts", exported);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "ERR_MODULE" });
    const { message } = error as Error;
    expect(message).toStartWith("Cannot use the module file:///app.ts: ");
    expect(message).toContain(why);
    expect(message).not.toContain("\n");
  }
});

test("http and defineService refuse what could never serve", () => {
  expect(() => http({})).toThrow("it needs routes, static or fetch");
  expect(() => defineService({ listeners: [] })).toThrow("at least one");
});
