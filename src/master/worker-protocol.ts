// What master and worker say to each other. Few and small: counters go over shared memory, and
// connections never cross.
//
//   master   init ------------> start -----------> drain | close
//   worker         loaded ----------> ready ------------> draining, and then the thread ends
//                  failed             failed

import type { ErrorCode } from "../core/errors.ts";
import type { LogLevel } from "../core/log.ts";
import type { Orphan } from "../net/uring/descriptor-ledger.ts";
import type { ServiceSource } from "../server/load-service.ts";
import type { ServerSettings } from "../server/settings.ts";
import type { ExchangeHandle } from "../thread/exchange.ts";
import type { StatsRow } from "../thread/stats-board.ts";
import type { ArenaGrant } from "./shared-arena.ts";
import type { ListenerSpec } from "./worker-server.ts";

/** A listening socket of the master by its descriptor, or an address to listen on oneself. */
export type ListenerGrant =
  | { readonly kind: "descriptor"; readonly fd: number; readonly backlog: number }
  | {
      readonly kind: "address";
      readonly host: string;
      readonly port: number;
      readonly unix?: string;
    }
  | { readonly kind: "none" };

/** The worker's place among those that write to each other. */
export interface MailGrant {
  readonly exchange: ExchangeHandle;
  readonly member: number;
}

export interface InitMessage {
  readonly type: "init";
  readonly source: ServiceSource;
  readonly settings: ServerSettings;
  readonly logLevel: LogLevel;
  readonly workerIndex: number;
  readonly counters: StatsRow;
  readonly mail?: MailGrant;
  /** Where its io_bufs come from; without it from memory of its own. */
  readonly memory?: ArenaGrant;
  /** Where it notes its descriptors; see DescriptorLedger. */
  readonly ledger?: SharedArrayBuffer;
}

export type ToWorker =
  | InitMessage
  | {
      readonly type: "start";
      readonly grants: readonly ListenerGrant[];
      /** Left over from the life before. */
      readonly orphans: readonly Orphan[];
    }
  | { readonly type: "drain"; readonly quietMs: number; readonly timeoutMs: number }
  | { readonly type: "close" };

export type FromWorker =
  | { readonly type: "loaded"; readonly listeners: readonly ListenerSpec[] }
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "draining" }
  | { readonly type: "crashed"; readonly message: string };
