// How long this thread has been ready to run while the kernel ran another one, so that a bench can
// tell what it measures from what the machine is shared with. 0 where the kernel does not say.

import { existsSync, readFileSync } from "node:fs";

const SCHEDSTAT = "/proc/thread-self/schedstat"; // ns that it ran, ns that it waited, times
const isKnown = existsSync(SCHEDSTAT);

export function runQueueMs(): number {
  return isKnown ? Number(readFileSync(SCHEDSTAT, "latin1").split(" ")[1]) / 1e6 : 0;
}
