// Figures as people read them: three digits and a unit.

/** "183 us", "1.20 ms", "2.05 s". */
export function timeText(milliseconds: number): string {
  if (milliseconds <= 0) return "0";
  if (milliseconds < 1) return `${digits(milliseconds * 1000)} us`;
  if (milliseconds < 1000) return `${digits(milliseconds)} ms`;
  return `${digits(milliseconds / 1000)} s`;
}

/** "1.20 MB", by 1000. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${digits(value)} ${units[unit]}`;
}

/** "1,234,567". */
export function countText(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ",");
}

function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
