// Request methods as small integers (RFC 9110 9). A method is a case-sensitive token: "get" is a
// valid request for a method that nobody implements, METHOD_OTHER, and its name stays in the bytes.

export const METHOD_OTHER = 0;
export const METHOD_GET = 1;
export const METHOD_HEAD = 2;
export const METHOD_POST = 3;
export const METHOD_PUT = 4;
export const METHOD_DELETE = 5;
export const METHOD_OPTIONS = 6;
export const METHOD_PATCH = 7;
export const METHOD_TRACE = 8;
export const METHOD_CONNECT = 9;

/** By method; an empty string for METHOD_OTHER. */
export const METHOD_NAMES: readonly string[] = [
  "",
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "TRACE",
  "CONNECT",
];

const NAME_BYTES: readonly Uint8Array[] = METHOD_NAMES.map((name) =>
  Uint8Array.from(name, (letter) => letter.charCodeAt(0)),
);

/** The method that stands in [start, end), a range of token bytes. */
export function methodOf(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start] === 0x47 && end - start === 3) {
    return bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54 ? METHOD_GET : METHOD_OTHER;
  }
  const candidate = candidateOf(bytes[start]!, bytes[start + 1]!, end - start);
  const name = NAME_BYTES[candidate]!;
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name[index]) return METHOD_OTHER;
  }
  return candidate;
}

// Length and second letter tell all nine apart ("PO", "PU", "PA"; "GET" and "PUT").
function candidateOf(first: number, second: number, length: number): number {
  switch (length) {
    case 3:
      return METHOD_PUT; // GET is known before
    case 4:
      return second === 0x4f ? METHOD_POST : METHOD_HEAD;
    case 5:
      return first === 0x50 ? METHOD_PATCH : METHOD_TRACE;
    case 6:
      return METHOD_DELETE;
    case 7:
      return first === 0x4f ? METHOD_OPTIONS : METHOD_CONNECT;
    default:
      return METHOD_OTHER;
  }
}
