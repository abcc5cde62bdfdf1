// Splits a plan over the load processes, so that nothing is lost to rounding: the shares of every
// whole number add up to it.

import { assert } from "../core/assert.ts";
import type { LoadPlan, LoadShare } from "./load-plan.ts";

/** The part of `total` that falls to `index` of `parts`; the first ones take what is left over. */
export function shareOf(total: number, index: number, parts: number): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0);
}

/** Never more processes than clients or, with a count, than requests: each has something to do. */
export function processesFor(plan: LoadPlan, wanted: number): number {
  const most = plan.count > 0 ? Math.min(plan.clients, plan.count) : plan.clients;
  return Math.max(1, Math.min(wanted, most));
}

export function sharePlan(plan: LoadPlan, processes: number): LoadShare[] {
  assert(processes >= 1 && processes <= plan.clients, "a process without a client");
  return Array.from({ length: processes }, (_, index) => {
    // Rates may be fractions; clients may not.
    const part = (load: number): number =>
      plan.open === null ? shareOf(load, index, processes) : load / processes;
    return {
      ...plan,
      index,
      processes,
      clients: shareOf(plan.clients, index, processes),
      count: shareOf(plan.count, index, processes),
      startAt: part(plan.startAt),
      stages: plan.stages.map(({ ms, to }) => ({ ms, to: part(to) })),
      connectionsPerSecond: plan.connectionsPerSecond / processes,
    };
  });
}
