// Every option: its default, what it takes, and the words with which a mistake is refused.

import { describe, expect, test } from "bun:test";
import { resolveStaticOptions, type StaticOptions } from "../../src/server/static-options.ts";
import { SiteFolder } from "./static-world.ts";

describe("resolveStaticOptions", () => {
  test("fills in the defaults for a folder", () => {
    using site = new SiteFolder();
    const settings = resolveStaticOptions(site.root);
    expect(settings).toMatchObject({
      root: site.root,
      index: "index.html",
      listing: false,
      spa: "",
      precompressed: true,
      compress: true,
      cacheBytes: 8 << 20,
      revalidateMs: 1000,
    });
    expect(settings.cacheControl("/x")).toBeNull();
  });

  test("takes what is given", () => {
    using site = new SiteFolder();
    const rule = (path: string): string | null => (path === "/a" ? "no-store" : null);
    const given = { root: site.root, index: false, spa: "app/main.html", types: { ".X": "a/b" } };
    const settings = resolveStaticOptions({ ...given, cacheControl: rule } as StaticOptions);
    expect(settings.index).toBe("");
    expect(settings.spa).toBe("/app/main.html");
    expect(settings.types["x"]).toBe("a/b");
    expect([settings.cacheControl("/a"), settings.cacheControl("/b")]).toEqual(["no-store", null]);
    expect(resolveStaticOptions({ root: site.root, spa: true }).spa).toBe("/index.html");
  });

  const REFUSED: readonly (readonly [object, string])[] = [
    [{ index: "a/b" }, 'index "a/b" must be the name of a file'],
    [{ index: "../x" }, "must be the name of a file"],
    [{ index: ".env" }, "not hidden"],
    [{ index: true }, "index true must be the name of a file"],
    [{ spa: true, index: false }, "spa true needs an index"],
    [{ spa: "../x.html" }, "must be a file inside the root"],
    [{ spa: "app/" }, "must be a file inside the root"],
    [{ spa: 1 }, "spa 1 must be true, false or a file"],
    [{ listing: 1 }, "listing 1 must be true or false"],
    [{ compress: "yes" }, 'compress "yes" must be true or false'],
    [{ precompressed: 0 }, "precompressed 0 must be true or false"],
    [{ cacheControl: 60 }, "cacheControl 60 must be a text or a function"],
    [{ cacheControl: "a\r\nSet-Cookie: x" }, "Cache-Control"],
    [{ cacheControl: "x".repeat(2000) }, "at most 1024 bytes"],
    [{ types: "html" }, "must be an object"],
    [{ types: { x: "html" } }, 'types.x "html" must be a media type'],
    [{ types: { x: "a/b\r\nX: y" } }, "must be a media type"],
    [{ cacheBytes: -1 }, "cacheBytes -1 is not in 0..2147483647"],
    [{ cacheBytes: 1.5 }, "cacheBytes 1.5"],
    [{ revalidateMs: Number.NaN }, "revalidateMs NaN is not in 0..3600000"],
    [{ maxAge: 60 }, 'unknown option "maxAge"; known: root, index, cacheControl'],
  ];

  test.each(REFUSED.map(([options, message]) => [message, options] as const))(
    "says: %s",
    (...row) => {
      const [message, options] = row;
      using site = new SiteFolder();
      const given = { root: site.root, ...options } as unknown as StaticOptions;
      expect(() => resolveStaticOptions(given)).toThrow(message);
      expect(() => resolveStaticOptions(given)).toThrow(/^Cannot (?:serve files|set header)/);
    },
  );

  test("refuses a root that is missing, a file, or no text", () => {
    using site = new SiteFolder({ "a.txt": "a" });
    expect(() => resolveStaticOptions(`${site.root}/gone`)).toThrow("Cannot serve the folder");
    expect(() => resolveStaticOptions(`${site.root}/a.txt`)).toThrow("it is not a folder");
    const wrong = [{}, null, 1, { root: 1 }] as unknown as StaticOptions[];
    for (const given of wrong)
      expect(() => resolveStaticOptions(given)).toThrow("must be a folder");
  });

  test("refuses what a rule gives when it cannot be sent", () => {
    using site = new SiteFolder();
    const rule = (): string => "a\nb";
    const settings = resolveStaticOptions({ root: site.root, cacheControl: rule });
    expect(() => settings.cacheControl("/")).toThrow("Cache-Control");
  });
});
