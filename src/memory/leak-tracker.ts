// Where the blocks that are out were acquired: one in 128 by default, or every one. A tracked block
// costs a stack trace, so this is for finding leaks, not for production at full rate. It belongs to
// one worker and sees that worker's acquires only.

export type LeakTracking = "off" | "sampled" | "all";

const SAMPLE_EVERY = 128;
const FRAMES_MAX = 4;
const TRACKED_MAX = 65_536; // the oldest is forgotten beyond it

/** Blocks from one place in the program that are still out. */
export interface LeakReport {
  /** The calls that led to the acquire, innermost first. */
  site: string;
  /** Blocks of the sample; with `scale` times as many to be expected in truth. */
  blocks: number;
  bytes: number;
  scale: number;
}

interface TrackedBlock {
  bytes: number;
  site: string;
}

export class LeakTracker {
  private readonly every: number;
  private readonly tracked = new Map<number, TrackedBlock>();
  private countdown: number;

  constructor(mode: "sampled" | "all") {
    this.every = mode === "all" ? 1 : SAMPLE_EVERY;
    this.countdown = this.every;
  }

  acquired(address: number, bytes: number): void {
    // An address that is acquired anew was released, if elsewhere: the old entry is no leak.
    if (this.tracked.size > 0) this.tracked.delete(address);
    if (--this.countdown > 0) return;
    this.countdown = this.every;
    this.tracked.set(address, { bytes, site: callSite() });
    if (this.tracked.size > TRACKED_MAX) this.tracked.delete(this.tracked.keys().next().value!);
  }

  released(address: number): void {
    if (this.tracked.size > 0) this.tracked.delete(address);
  }

  /** Blocks that are out, by site, most bytes first. `isLive` weeds out what others released. */
  report(isLive: (address: number) => boolean): LeakReport[] {
    const sites = new Map<string, LeakReport>();
    for (const [address, { bytes, site }] of this.tracked) {
      if (!isLive(address)) {
        this.tracked.delete(address);
        continue;
      }
      const known = sites.get(site) ?? { site, blocks: 0, bytes: 0, scale: this.every };
      known.blocks++;
      known.bytes += bytes;
      sites.set(site, known);
    }
    return [...sites.values()].sort((a, b) => b.bytes - a.bytes);
  }
}

/** The frames outside this folder. */
function callSite(): string {
  const lines = (new Error().stack ?? "").split("\n").map((line) => line.trim());
  const frames = lines.filter((line) => line.startsWith("at "));
  const outside = frames.filter((line) => !line.includes("/src/memory/"));
  return outside.slice(0, FRAMES_MAX).join("\n") || "(unknown)";
}
