// The Range field (RFC 9110 14): which bytes of a representation are wanted, and the frame around
// several of them. An invalid field is ignored, as the RFC asks; so is one that asks for more
// pieces than a reasonable client does, since many small ranges are a known attack.
//
// Invariant: the ranges of a list are inside the representation, and no two of them overlap.

export interface ByteRange {
  /** First byte, and the one behind the last. */
  readonly start: number;
  readonly end: number;
}

/** The field cannot be used: the whole is sent. */
export const RANGES_IGNORED = 0;
/** None of the ranges has a byte in the representation: 416. */
export const RANGES_UNSATISFIABLE = 1;

/** Pieces of one answer; more are answered with the whole. */
export const RANGES_MAX = 16;
const FIELD_BYTES_MAX = 1024;

const UNIT = /^bytes=/i;
const RANGE = /^(\d*)-(\d*)$/;

/** The ranges that `field` wants of `size` bytes, in its order, with those that touch joined. */
export function parseRanges(
  field: string,
  size: number,
): readonly ByteRange[] | typeof RANGES_IGNORED | typeof RANGES_UNSATISFIABLE {
  if (field.length > FIELD_BYTES_MAX || !UNIT.test(field)) return RANGES_IGNORED;
  const found: ByteRange[] = [];
  let wanted = 0;
  for (const part of field.slice(6).split(",")) {
    const text = part.trim();
    if (text === "") continue; // RFC 9110 5.6.1.2: empty elements of a list mean nothing
    if (++wanted > RANGES_MAX) return RANGES_IGNORED;
    const range = parseRange(text, size);
    if (range === null) return RANGES_IGNORED;
    if (range.start < range.end) found.push(range);
  }
  if (wanted === 0) return RANGES_IGNORED;
  return found.length === 0 ? RANGES_UNSATISFIABLE : join(found);
}

/** Null when it is none; an empty range when it lies outside. */
function parseRange(text: string, size: number): ByteRange | null {
  const match = RANGE.exec(text);
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "") {
    // An empty file has last bytes too (RFC 9110 14.1.2), which no Content-Range can name.
    if (last === "" || (size === 0 && Number(last) > 0)) return null;
    return { start: Math.max(0, size - Number(last)), end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Number(last) + 1;
  if (last !== "" && Number(last) < start) return null; // not `end`, which is rounded above 2^53
  return { start: Math.min(start, size), end: Math.min(end, size) };
}

/** Joins what overlaps or touches; the others keep the order in which they were asked for. */
function join(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const range of ranges) {
    let { start, end } = range;
    let place = joined.length;
    for (let index = joined.length - 1; index >= 0; index--) {
      const other = joined[index]!;
      if (other.start > end || start > other.end) continue;
      start = Math.min(start, other.start);
      end = Math.max(end, other.end);
      joined.splice(index, 1);
      place = index;
    }
    joined.splice(place, 0, { start, end });
  }
  return joined;
}

/** The value of Content-Range for a range, or for 416 when there is none. */
export function contentRange(range: ByteRange | null, size: number): string {
  return range === null ? `bytes */${size}` : `bytes ${range.start}-${range.end - 1}/${size}`;
}

/** Text that stands before each range of a multipart answer, and behind the last one. */
export interface RangeFrame {
  readonly heads: readonly Buffer[];
  readonly tail: Buffer;
  /** Bytes of the whole answer. */
  readonly length: number;
}

/** The frame of a multipart/byteranges answer (RFC 9110 14.6). */
export function frameRanges(
  ranges: readonly ByteRange[],
  size: number,
  type: string,
  boundary: string,
): RangeFrame {
  const heads = ranges.map((range) =>
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: ${type}\r\n` +
        `Content-Range: ${contentRange(range, size)}\r\n\r\n`,
    ),
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  let length = tail.length;
  for (const [index, range] of ranges.entries()) {
    length += heads[index]!.length + range.end - range.start;
  }
  return { heads, tail, length };
}
