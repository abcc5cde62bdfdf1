// Before any load: the name is looked up once, and one connection is tried, so that a server that
// is not there is told at once and apart (exit code 1 of webbench).

import { lookup } from "node:dns/promises";
import { MillraceError, messageOf } from "../core/errors.ts";
import type { Origin } from "./load-plan.ts";
import { isAddress } from "./target.ts";

/** The origin with an address instead of a name; throws MillraceError ERR_CLOSED. */
export async function resolveOrigin(origin: Origin): Promise<Origin> {
  if (origin.unix !== null || isAddress(origin.hostname)) return origin;
  try {
    const { address } = await lookup(origin.hostname);
    return { ...origin, hostname: address };
  } catch (error) {
    throw new MillraceError("ERR_CLOSED", `unknown host "${origin.hostname}"`, error);
  }
}

/** Connects and leaves again; throws MillraceError ERR_CLOSED with the reason. */
export async function probeServer(origin: Origin, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const nothing = (): void => undefined;
  const socket = {
    open: (opened: Bun.Socket) => {
      resolve();
      opened.terminate();
    },
    data: nothing,
    error: nothing,
    connectError: (_socket: Bun.Socket, error: Error) => reject(error),
  };
  const { hostname, port, unix } = origin;
  const connecting =
    unix === null ? Bun.connect({ hostname, port, socket }) : Bun.connect({ unix, socket });
  connecting.catch(nothing);
  try {
    await promise;
  } catch (error) {
    const code = (error as { code?: string }).code;
    const reason = code === undefined ? messageOf(error) : `${reasonOf(code)} (${code})`;
    throw new MillraceError("ERR_CLOSED", `Cannot connect to ${origin.name}: ${reason}`, error);
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(code: string): string {
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connection refused",
    ENOENT: "no such socket",
    EHOSTUNREACH: "host unreachable",
    ENETUNREACH: "network unreachable",
    EACCES: "permission denied",
  };
  return reasons[code] ?? "connection failed";
}
