// Durations as people write them: "500ms", "60s", "2m", "1h". A bare number has no unit and is
// refused, since seconds and milliseconds are too easily taken for each other; 0 needs none.

const DURATION = /^(\d{1,12}(?:\.\d{1,3})?)\s*(ms|s|m|h)$/i;
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const LONGEST_MS: number = 2 ** 31 - 1; // a timer waits no longer

/** Milliseconds, rounded; null if the text is no duration or one of more than 24 days. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === "0") return 0;
  const match = DURATION.exec(trimmed);
  if (match === null) return null;
  const milliseconds = Math.round(Number(match[1]) * UNITS_MS[match[2]!.toLowerCase()]!);
  return milliseconds <= LONGEST_MS ? milliseconds : null;
}

/** "60s" of 60000: in the largest unit that leaves a whole number. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0";
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000}h`;
  if (milliseconds % 60_000 === 0 && milliseconds > 60_000) return `${milliseconds / 60_000}m`;
  if (milliseconds % 1_000 === 0) return `${milliseconds / 1_000}s`;
  return `${milliseconds}ms`;
}
