// From what a user names to what a worker loads: nothing is the welcome site, a folder is a site, a
// file with the suffix of a module is an app. Looked at before any worker is spawned, so that a
// mistyped path is said at once and in the user's words.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MillraceError } from "../core/errors.ts";
import type { ServiceSource } from "../server/load-service.ts";

const MODULE_SUFFIX = /\.(ts|tsx|mts|cts|js|jsx|mjs|cjs)$/;

/** Throws MillraceError ERR_MODULE if there is no such thing, ERR_USAGE if it is neither. */
export function resolveSource(what: string | URL | undefined, folder: string): ServiceSource {
  if (what === undefined) return { kind: "welcome" };
  const given = what instanceof URL ? fromUrl(what) : what;
  const path = resolve(folder, given.startsWith("file:") ? fromUrl(new URL(given)) : given);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw new MillraceError("ERR_MODULE", `Cannot serve "${given}": no such file or folder`);
  }
  if (stat.isDirectory()) return { kind: "folder", path };
  if (stat.isFile() && MODULE_SUFFIX.test(path)) {
    return { kind: "module", url: pathToFileURL(path).href };
  }
  const wanted = "a folder or a module (.ts, .tsx, .js, .mjs)";
  throw new MillraceError("ERR_USAGE", `Cannot serve "${given}": it is not ${wanted}`);
}

function fromUrl(url: URL): string {
  if (url.protocol === "file:") return fileURLToPath(url);
  throw new MillraceError("ERR_USAGE", `Cannot serve "${url.href}": only file: URLs`);
}
