// From a host as a user writes it to an address that can be bound: IP literals as they are, names
// by the system's resolver, IPv4 first. Only at start and reload, never on the data path.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { MillraceError } from "../core/errors.ts";

/** Throws MillraceError ERR_LISTEN if the name has no address. */
export async function resolveHost(host: string, port: number): Promise<string> {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (isIP(bare) !== 0) return bare;
  try {
    const found = bare === "" ? [] : await lookup(bare, { all: true });
    const first = found.find((entry) => entry.family === 4) ?? found[0];
    if (first !== undefined) return first.address;
  } catch {
    // The resolver's own words say no more than that.
  }
  throw new MillraceError("ERR_LISTEN", `Cannot listen on ${host}:${port}: unknown host "${host}"`);
}
