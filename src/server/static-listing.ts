// The page that shows what is in a folder, for those who ask for one. Every name is escaped twice
// over: as a URL in the link, as text on the page; the page may run and load nothing. Hidden files
// are not shown, nor what is neither a file nor a folder.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { decodePath, encodeSegment } from "./static-path.ts";

/** Names beyond it are counted, not shown. */
export const LISTING_NAMES_MAX = 5_000;

export const LISTING_POLICY = "default-src 'none'; style-src 'unsafe-inline'";

interface Item {
  readonly name: string;
  readonly isFolder: boolean;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The page for the folder at `path` (with its slash) below `root`; null when it cannot be read. */
export function renderListing(root: string, path: string): string | null {
  const folder = join(root, path);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => decodePath(`/${encodeSegment(name)}`) !== null);
  } catch {
    return null;
  }
  const items = names.slice(0, LISTING_NAMES_MAX).flatMap((name) => itemOf(folder, name));
  items.sort((one, other) => Number(other.isFolder) - Number(one.isFolder) || order(one, other));
  const title = `Index of ${escapeHtml(path)}`;
  const rows = items.map(renderItem);
  if (path !== "/") rows.unshift('<tr><td><a href="../">../</a></td><td></td><td></td></tr>');
  const rest = names.length - LISTING_NAMES_MAX;
  const more = rest > 0 ? `<p>and ${rest} more</p>\n` : "";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td { padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere }
td + td { text-align: right; white-space: nowrap; color: #666; font-variant-numeric: tabular-nums }
</style>
<h1>${title}</h1>
<table>
${rows.join("\n")}
</table>
${more}</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'\u0000-\u001f\u007f]/g, (character) => {
    return `&#${character.charCodeAt(0) < 32 ? 0xfffd : character.charCodeAt(0)};`;
  });
}

function itemOf(folder: string, name: string): Item[] {
  try {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stats === undefined || !(stats.isFile() || stats.isDirectory())) return [];
    return [{ name, isFolder: stats.isDirectory(), size: stats.size, mtimeMs: stats.mtimeMs }];
  } catch {
    return []; // a loop of links, or gone since
  }
}

function renderItem(item: Item): string {
  const slash = item.isFolder ? "/" : "";
  const href = `./${encodeSegment(item.name)}${slash}`;
  const link = `<a href="${href}">${escapeHtml(item.name)}${slash}</a>`;
  const time = new Date(item.mtimeMs).toISOString().slice(0, 16).replace("T", " ");
  return `<tr><td>${link}</td><td>${item.isFolder ? "" : item.size}</td><td>${time}</td></tr>`;
}

function order(one: Item, other: Item): number {
  return one.name < other.name ? -1 : 1;
}
