// What the signals of an operator do to the server. Only the command installs them: a program that
// calls serve() keeps its own. Where a signal stands for an exit code it is 128 + its number.
//
//   SIGHUP            reload the workers one by one; or drain, if it says that the terminal is gone
//   SIGTERM, SIGINT   drain and leave with code 0; a second one ends at once with 143 or 130
//   SIGUSR1           print the counters to standard error

import { constants } from "node:os";
import { type Clock, systemClock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { formatStats, type ServerStats } from "./server-stats.ts";

/** What signals act on: the master. */
export interface SignalTarget {
  reload(): Promise<void>;
  stop(): Promise<void>;
  close(): Promise<void>;
  stats(): ServerStats;
}

export interface SignalOptions {
  readonly target: SignalTarget;
  readonly log: Log;
  /** Ends the process. */
  readonly exit: (code: number) => void;
  /** Standard error. */
  readonly write: (text: string) => void;
  /** Whether a SIGHUP that comes now is the hangup of our terminal. */
  readonly terminalHasGone: () => boolean;
  readonly clock?: Clock;
}

/**
 * One Ctrl-C arrives twice: from the terminal, and from the `bun run`, `npm` or `timeout` around
 * us, which hands its own on. The echo comes within a few milliseconds, a finger takes longer.
 */
const SIGNAL_ECHO_MS = 50;

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;
type StopSignal = (typeof STOP_SIGNALS)[number] | "SIGHUP";

/** Returns a function that removes the handlers. */
export function installSignals(options: SignalOptions, on: NodeJS.Process = process): () => void {
  const { target, log, write } = options;
  const stop = stopper(options);
  const handlers: [NodeJS.Signals, () => void][] = [
    ["SIGHUP", () => (options.terminalHasGone() ? stop("SIGHUP") : reload(target))],
    ["SIGUSR1", () => write(formatStats(target.stats()))],
    ...STOP_SIGNALS.map((signal): [NodeJS.Signals, () => void] => [signal, () => stop(signal)]),
  ];
  for (const [signal, handler] of handlers) on.on(signal, handler);
  log.debug("signals: SIGHUP reloads, SIGTERM and SIGINT drain, SIGUSR1 prints counters");
  return () => handlers.forEach(([signal, handler]) => on.off(signal, handler));
}

function reload(target: SignalTarget): void {
  target.reload().catch(() => undefined); // the master has logged it
}

function stopper(options: SignalOptions): (signal: StopSignal) => void {
  const { target, log, exit, clock = systemClock } = options;
  let firstAtMs = Number.NaN;
  return (signal) => {
    if (clock.nowMs() - firstAtMs < SIGNAL_ECHO_MS) return;
    if (!Number.isNaN(firstAtMs)) {
      log.warn(`${signal} again: ending at once`);
      void target.close(); // the files of Unix sockets go before the process does
      exit(128 + constants.signals[signal]);
      return;
    }
    firstAtMs = clock.nowMs();
    log.info(`${signal}: draining`);
    target.stop().then(
      () => exit(0),
      (error) => {
        log.error(`cannot stop cleanly: ${messageOf(error)}`);
        exit(1);
      },
    );
  };
}
