// What a user can say about a folder that is served, its defaults, and the check of it. Checked
// once, when the listener is made; every mistake names the option and what it must be.

import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { MIB } from "../core/limits.ts";
import { messageOf, MillraceError } from "../core/errors.ts";
import { checkFieldValue } from "./field-check.ts";
import { decodePath } from "./static-path.ts";
import type { TypeTable } from "./static-types.ts";

/** Cache-Control for the file at a path such as "/css/site.css"; null for none. */
export type CacheControlRule = (path: string) => string | null;

export interface StaticOptions {
  /** The folder; its files are public, except hidden ones (but for .well-known). */
  readonly root: string;
  /** The file that answers for its folder; false for none. Default "index.html". */
  readonly index?: string | false;
  /** Cache-Control of every answer, or a rule. Default: no such field. */
  readonly cacheControl?: string | CacheControlRule;
  /** Shows what is in a folder without an index. Default false. */
  readonly listing?: boolean;
  /** Answers paths without an extension where no file is: true with the index of the root, or with
   *  the file named. Default false. */
  readonly spa?: boolean | string;
  /** Sends the sibling of a file with .br, .zst or .gz to those who take it. Default true. */
  readonly precompressed?: boolean;
  /** Compresses text without such siblings and keeps the result. Default true. */
  readonly compress?: boolean;
  /** Media types by extension, before the built-in ones: { glb: "model/gltf-binary" }. */
  readonly types?: TypeTable;
  /** Memory of each worker for small and compressed files, in bytes; 0 for none. Default 8 MiB. */
  readonly cacheBytes?: number;
  /** A change of a file is seen after so many milliseconds at the latest. Default 1000. */
  readonly revalidateMs?: number;
}

/** The options with every default filled in and every value checked. */
export interface StaticSettings {
  readonly root: string;
  /** Empty for none. */
  readonly index: string;
  readonly cacheControl: CacheControlRule;
  readonly listing: boolean;
  /** A path such as "/index.html"; empty for none. */
  readonly spa: string;
  readonly precompressed: boolean;
  readonly compress: boolean;
  readonly types: TypeTable;
  readonly cacheBytes: number;
  readonly revalidateMs: number;
}

const CACHE_BYTES_DEFAULT: number = 8 * MIB;
const REVALIDATE_MS_DEFAULT = 1_000;
const REVALIDATE_MS_MAX = 3_600_000;
const CACHE_CONTROL_BYTES_MAX = 1024;
const MEDIA_TYPE_BYTES_MAX = 255;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\t\x20-\x7e]*)?$/;

const NAMES: readonly string[] = [
  "root",
  "index",
  "cacheControl",
  "listing",
  "spa",
  "precompressed",
  "compress",
  "types",
  "cacheBytes",
  "revalidateMs",
] satisfies (keyof StaticOptions)[];

/** Throws TypeError or RangeError for a wrong option, MillraceError ERR_MODULE without a folder. */
export function resolveStaticOptions(options: string | StaticOptions): StaticSettings {
  const given: StaticOptions = typeof options === "string" ? { root: options } : options;
  checkShape(given);
  const index = given.index === undefined ? "index.html" : given.index || "";
  if (index !== "") requireName("index", index);
  return {
    root: requireFolder(given.root),
    index,
    cacheControl: cacheControlOf(given.cacheControl),
    listing: requireBoolean("listing", given.listing ?? false),
    spa: spaOf(given.spa ?? false, index),
    precompressed: requireBoolean("precompressed", given.precompressed ?? true),
    compress: requireBoolean("compress", given.compress ?? true),
    types: typesOf(given.types ?? {}),
    cacheBytes: requireCount("cacheBytes", given.cacheBytes ?? CACHE_BYTES_DEFAULT, 2 ** 31 - 1),
    revalidateMs: requireCount(
      "revalidateMs",
      given.revalidateMs ?? REVALIDATE_MS_DEFAULT,
      REVALIDATE_MS_MAX,
    ),
  };
}

function checkShape(given: StaticOptions): void {
  if (typeof given !== "object" || given === null || typeof given.root !== "string") {
    throw new TypeError('Cannot serve files: static must be a folder or { root: "folder", ... }');
  }
  for (const name of Object.keys(given)) {
    if (NAMES.includes(name)) continue;
    throw new TypeError(`Cannot serve files: unknown option "${name}"; known: ${NAMES.join(", ")}`);
  }
}

function requireFolder(folder: string): string {
  try {
    if (!statSync(realpathSync(folder)).isDirectory()) throw new Error("it is not a folder");
    return resolve(folder);
  } catch (error) {
    const text = `Cannot serve the folder "${folder}": ${messageOf(error)}`;
    throw new MillraceError("ERR_MODULE", text, error);
  }
}

function requireName(option: string, name: unknown): void {
  if (typeof name !== "string") wrong(option, name, "must be the name of a file, or false");
  if (name.includes("/") || decodePath(`/${encodeURIComponent(name)}`) !== `/${name}`) {
    wrong(option, name, "must be the name of a file without a folder, not hidden");
  }
}

function spaOf(spa: unknown, index: string): string {
  if (spa === false) return "";
  if (spa === true) {
    if (index === "") wrong("spa", spa, "needs an index, or the name of the file to send");
    return `/${index}`;
  }
  if (typeof spa !== "string" || spa === "") wrong("spa", spa, "must be true, false or a file");
  const path = spa.startsWith("/") ? spa : `/${spa}`;
  const decoded = decodePath(path.split("/").map(encodeURIComponent).join("/"));
  if (decoded !== path || path.endsWith("/")) wrong("spa", spa, "must be a file inside the root");
  return path;
}

function cacheControlOf(option: unknown): CacheControlRule {
  if (option === undefined) return () => null;
  if (typeof option === "string") {
    checkCacheControl(option);
    return () => option;
  }
  if (typeof option !== "function") wrong("cacheControl", option, "must be a text or a function");
  const rule = option as CacheControlRule;
  return (path) => {
    const value = rule(path);
    if (value !== null) checkCacheControl(value);
    return value;
  };
}

function checkCacheControl(value: unknown): void {
  if (typeof value !== "string" || value.length > CACHE_CONTROL_BYTES_MAX) {
    wrong("cacheControl", value, `must be a text of at most ${CACHE_CONTROL_BYTES_MAX} bytes`);
  }
  checkFieldValue("Cache-Control", value);
}

function typesOf(types: unknown): TypeTable {
  if (typeof types !== "object" || types === null) {
    wrong("types", types, "must be an object from extension to media type");
  }
  const table: Record<string, string> = {};
  for (const [extension, type] of Object.entries(types)) {
    const isType = typeof type === "string" && type.length <= MEDIA_TYPE_BYTES_MAX;
    if (!isType || !MEDIA_TYPE.test(type)) {
      wrong(`types.${extension}`, type, 'must be a media type such as "text/plain"');
    }
    table[extension.replace(/^\./, "").toLowerCase()] = type;
  }
  return table;
}

function requireBoolean(option: string, value: unknown): boolean {
  if (typeof value !== "boolean") wrong(option, value, "must be true or false");
  return value;
}

function requireCount(option: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`Cannot serve files: ${option} ${String(value)} is not in 0..${most}`);
}

function wrong(option: string, value: unknown, must: string): never {
  const shown = typeof value === "string" ? `"${value}"` : String(value);
  throw new TypeError(`Cannot serve files: ${option} ${shown} ${must}`);
}
