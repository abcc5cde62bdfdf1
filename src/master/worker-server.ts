// What a worker runs, as the master's side needs it: the shape of server/server.ts. The tests of
// the master put a small server of their own in its place.

import type { Log } from "../core/log.ts";
import type { Orphan } from "../net/uring/descriptor-ledger.ts";
import type { ServerSettings } from "../server/settings.ts";
import type { ArenaGrant } from "./shared-arena.ts";
import type { MailGrant } from "./worker-protocol.ts";

/** One address that a service wants to listen on. */
export interface ListenerSpec {
  readonly kind: "http" | "tcp";
  readonly host: string;
  readonly port: number;
  /** A path of the file system instead of host and port. */
  readonly unix?: string;
  readonly ipv6Only?: boolean;
  readonly tls?: boolean;
  readonly backlog?: number;
  /** For logs and error messages; unique in a service. */
  readonly name: string;
}

/** Where a worker's connections come from: a socket of the master's, or one of its own. */
export type AttachSource =
  | { readonly dup: () => number; readonly backlog?: number }
  | { readonly host: string; readonly port: number; readonly unix?: string };

export interface WorkerServer {
  readonly listeners: readonly ListenerSpec[];
  /** Runs the service's setup; what it throws is a failure to start. */
  start(): Promise<void>;
  attach(listenerIndex: number, source: AttachSource): void;
  /** Serves connections that a worker which died had accepted and never seen. */
  adopt(orphans: readonly Orphan[]): void;
  /** Resolves when no connection is accepted any more. */
  detachAll(): Promise<void>;
  /** Resolves when no connection is left, or at the deadline with the rest closed. */
  drain(options: { readonly quietMs: number; readonly timeoutMs: number }): Promise<void>;
  /** At once; the service is cleaned up all the same. */
  closeAll(): Promise<void>;
}

export interface WorkerServerOptions<Service> {
  readonly service: Service;
  readonly settings: ServerSettings;
  readonly counters: Float64Array;
  readonly log: Log;
  readonly workerIndex: number;
  readonly workerCount: number;
  /** Without it the worker hears nothing from the others, nor they from it. */
  readonly mail?: MailGrant;
  /** Without it the worker's buffers are memory of its own. */
  readonly memory?: ArenaGrant;
  /** Where it notes its descriptors; see DescriptorLedger. */
  readonly ledger?: SharedArrayBuffer;
}
