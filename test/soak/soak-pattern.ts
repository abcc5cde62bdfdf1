// The bytes that the soak sends and expects: any stretch of one pattern, so that a byte which is
// lost, doubled or moved shows wherever it happens. Both sides make it by themselves.

export const PATTERN_BYTES: number = 4 * 1024 * 1024;

export const PATTERN: Buffer = makePattern();

function makePattern(): Buffer {
  const bytes = Buffer.allocUnsafeSlow(PATTERN_BYTES);
  for (let at = 0; at < PATTERN_BYTES; at++) bytes[at] = at * 31 + (at >> 8) * 7 + (at >> 16);
  return bytes;
}

/** What an upload is answered with. */
export function digestOf(bytes: Uint8Array): string {
  return `${bytes.length} ${new Bun.CryptoHasher("md5").update(bytes).digest("hex")}`;
}
