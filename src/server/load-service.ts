// Turns what the command line names into a service: the welcome site, a folder, or a module of the
// user's. Each worker does this for itself. Whatever is wrong with the module becomes one line.

import { fileURLToPath } from "node:url";
import { MillraceError, messageOf } from "../core/errors.ts";
import {
  defineService,
  type FetchHandler,
  http,
  type Service,
  type ServiceListener,
} from "./service.ts";
import { installServerRequest } from "./server-request.ts";
import { installServerResponse } from "./server-response.ts";
import { welcomeService } from "./welcome-site.ts";

export type ServiceSource =
  | { readonly kind: "welcome" }
  | { readonly kind: "folder"; readonly path: string }
  /** A file: URL. */
  | { readonly kind: "module"; readonly url: string };

/** Throws MillraceError ERR_MODULE. */
export async function loadService(source: ServiceSource): Promise<Service> {
  installServerRequest();
  installServerResponse();
  if (source.kind === "welcome") return welcomeService();
  if (source.kind === "folder") {
    return defineService({ listeners: [http({ static: source.path })] });
  }
  const path = fileURLToPath(source.url);
  let module: { readonly default?: unknown };
  try {
    module = (await import(source.url)) as { readonly default?: unknown };
  } catch (error) {
    throw failure(path, `it cannot be imported: ${messageOf(error)}`, error);
  }
  return toService(path, module.default);
}

/** Accepts a service, `{ fetch, port?, hostname? }`, or a bare fetch function. */
export function toService(name: string, exported: unknown): Service {
  if (typeof exported === "function") {
    return defineService({ listeners: [http({ fetch: exported as FetchHandler })] });
  }
  if (typeof exported !== "object" || exported === null) {
    throw failure(name, "it has no default export that is a service or has a fetch function");
  }
  if ("listeners" in exported) return checkService(name, exported as Service);
  if ("fetch" in exported && typeof exported.fetch === "function") {
    return defineService({ listeners: [http(fetchOptions(name, exported))] });
  }
  throw failure(name, "its default export has neither listeners nor a fetch function");
}

function checkService(name: string, service: Service): Service {
  try {
    defineService(service);
  } catch (error) {
    throw failure(name, messageOf(error), error);
  }
  for (const listener of service.listeners) {
    if (typeof listener !== "object" || listener === null || !isListener(listener)) {
      throw failure(name, "one of its listeners was not made by http() or tcp()");
    }
  }
  return service;
}

function isListener(listener: ServiceListener): boolean {
  return listener.kind === "http" || listener.kind === "tcp";
}

function fetchOptions(name: string, exported: object): Parameters<typeof http>[0] {
  const app = exported as { fetch: FetchHandler; port?: unknown; hostname?: unknown };
  const options: { fetch: FetchHandler; port?: number; host?: string } = {
    fetch: (request, server) => app.fetch(request, server),
  };
  if (app.port !== undefined) {
    const port = typeof app.port === "string" ? portOf(app.port) : Number(app.port ?? Number.NaN);
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw failure(name, `its port ${JSON.stringify(app.port)} is not between 0 and 65535`);
    }
    options.port = port;
  }
  if (typeof app.hostname === "string") options.host = app.hostname;
  return options;
}

/** An empty string is no port, although Number() makes 0 of it. */
function portOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function failure(name: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError("ERR_MODULE", `Cannot use the module ${name}: ${why}`, cause);
}
