// What a load process is asked to do: plain JSON, made once by the parent from the command line and
// sent down a pipe. A share is the part of one process; all shares together are the plan.

/** Where connections go. Names are resolved by the parent, so that no resolver is measured. */
export interface Origin {
  /** "host:port" or the socket's path, for messages. */
  readonly name: string;
  /** An address, or a name that only a proxy or a Unix socket needs. */
  readonly hostname: string;
  readonly port: number;
  /** Path of a Unix socket, instead of hostname and port. */
  readonly unix: string | null;
  /** null: no TLS. */
  readonly tls: { readonly serverName: string; readonly verify: boolean } | null;
}

export interface PlannedRequest {
  /** Index into LoadPlan.origins. */
  readonly origin: number;
  readonly weight: number;
  /** METHOD_* of http/methods.ts: an answer to HEAD has no body. */
  readonly method: number;
  /** The whole request in base64. */
  readonly bytes: string;
}

/** How the end of an answer is recognised. */
export type ReplyFormat =
  | { readonly kind: "http" }
  | { readonly kind: "http09" } // ends with the connection
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "delimiter"; readonly base64: string }
  | { readonly kind: "frame"; readonly prefixBytes: number }
  | { readonly kind: "none" }; // not waited for: early socket close

/** The load moves on a straight line from where it was to `to`, within `ms`. */
export interface Stage {
  readonly ms: number;
  readonly to: number;
}

export interface LoadPlan {
  readonly origins: readonly Origin[];
  readonly requests: readonly PlannedRequest[];
  readonly reply: ReplyFormat;
  readonly clients: number;
  /** A connection for every request; otherwise one for every client. */
  readonly perRequest: boolean;
  readonly pipeline: number;
  /** Statuses that are successes, by status class or exact: "2xx", "404". */
  readonly success: readonly string[];
  /** Open loop: requests on schedule, whatever the answers do. null: closed loop. */
  readonly open: { readonly poisson: boolean; readonly seed: number } | null;
  /** Of the rate (open loop) or of the clients (closed loop), from `startAt`. Never empty. */
  readonly stages: readonly Stage[];
  readonly startAt: number;
  /** Requests in all; 0: as many as the time allows. */
  readonly count: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Time for outstanding answers after the end; what is still missing then was cut off. */
  readonly graceMs: number;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** 0: no limit. */
  readonly connectionsPerSecond: number;
  readonly tickMs: number;
}

export interface LoadShare extends LoadPlan {
  /** Of the process, 0 .. processes - 1: shifts its schedule against the others'. */
  readonly index: number;
  readonly processes: number;
}
