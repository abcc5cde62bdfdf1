import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { MillraceError } from "../../src/core/errors.ts";
import { resolveSource } from "../../src/master/service-source.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace source-"));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, "public"));
mkdirSync(join(folder, "folder.ts"));
for (const name of ["app.ts", "a b#c?d.mjs", "notes.md"]) writeFileSync(join(folder, name), "");

function codeOf(what: string | URL): string {
  try {
    return resolveSource(what, folder).kind;
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    return (error as MillraceError).code;
  }
}

describe("resolveSource", () => {
  test("takes nothing for the welcome site", () => {
    expect(resolveSource(undefined, folder)).toEqual({ kind: "welcome" });
  });

  test("takes a folder for a site, whatever its name", () => {
    expect(resolveSource("public", folder)).toEqual({
      kind: "folder",
      path: join(folder, "public"),
    });
    expect(codeOf("folder.ts")).toBe("folder");
    expect(codeOf(".")).toBe("folder");
  });

  test("takes a path, a file: URL and its text for a module", () => {
    const url = pathToFileURL(join(folder, "app.ts"));
    const source = { kind: "module", url: url.href } as const;
    expect(resolveSource("./app.ts", folder)).toEqual(source);
    expect(resolveSource(url, "/elsewhere")).toEqual(source);
    expect(resolveSource(url.href, "/elsewhere")).toEqual(source);
  });

  test("escapes a path that holds the marks of a URL", () => {
    const source = resolveSource("a b#c?d.mjs", folder);
    expect(source.kind === "module" && source.url.endsWith("/a%20b%23c%3Fd.mjs")).toBe(true);
  });

  test("tells what is missing from what is of no use", () => {
    expect(codeOf("nope.ts")).toBe("ERR_MODULE");
    expect(codeOf("")).toBe("folder");
    expect(codeOf("notes.md")).toBe("ERR_USAGE");
    expect(codeOf("/dev/null")).toBe("ERR_USAGE");
    expect(codeOf(new URL("http://example.com/app.ts"))).toBe("ERR_USAGE");
    expect(() => resolveSource("nope.ts", folder)).toThrow(
      `Cannot serve "nope.ts": no such file or folder`,
    );
  });
});
