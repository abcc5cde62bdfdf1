// What the command line (or serve()) says about where to listen, applied to what the service says.
// It concerns the service's main listener alone: its first HTTP listener, or else its first.

import type { ListenerSpec } from "./worker-server.ts";

export interface ListenerOverride {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** A path of the file system; then host and port say nothing. */
  readonly unix?: string | undefined;
  readonly backlog?: number | undefined;
}

export function overrideListener(
  specs: readonly ListenerSpec[],
  override: ListenerOverride = {},
): readonly ListenerSpec[] {
  const http = specs.findIndex((spec) => spec.kind === "http");
  const main = Math.max(http, 0);
  return specs.map((spec, index) => (index === main ? applyOverride(spec, override) : spec));
}

function applyOverride(spec: ListenerSpec, override: ListenerOverride): ListenerSpec {
  const { host, port, unix, backlog } = override;
  const queue = backlog === undefined ? {} : { backlog };
  if (unix !== undefined) return { ...spec, ...queue, unix };
  if (host === undefined && port === undefined) return { ...spec, ...queue };
  const { unix: _, ...inet } = spec;
  return { ...inet, ...queue, host: host ?? spec.host, port: port ?? spec.port };
}
