// The alphabet of HTTP/1.1: one class table for every scanner of this folder, so that "may this
// byte stand here" is one load and one test. A class is a bit; a byte may be in several.
//
//   CLASSES[byte] & TOKEN  !== 0   the byte may stand in a method, a field name, a list token

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;

export const TOKEN = 1; // RFC 9110 5.6.2: tchar
export const VISIBLE = 2; // 0x21..0x7e: all that a request-target may hold
export const PATH = 4; // VISIBLE without "?" and "#"
export const QUERY = 8; // VISIBLE without "#"
export const VALUE = 16; // RFC 9110 5.5: VCHAR, SP, HTAB, obs-text
export const HOST = 32; // reg-name of RFC 3986 3.2.2, without "%" and ","
export const QUOTED = 64; // RFC 9110 5.6.4: qdtext
export const HEX = 128;

export const CLASSES: Uint8Array = classify();

/** ASCII letters in lower case, every other byte itself. */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/** The value of a hexadecimal digit, 255 for every other byte. */
export const HEX_VALUES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 255 : value;
});

function classify(): Uint8Array {
  const classes = new Uint8Array(256);
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const add = (characters: string, bit: number): void => {
    for (const character of characters) classes[character.charCodeAt(0)]! |= bit;
  };
  add(`${letters}!#$%&'*+-.^_\`|~`, TOKEN);
  add(`${letters}-._~!$&'()*+;=`, HOST);
  add("0123456789abcdefABCDEF", HEX);
  for (let byte = 0; byte < 256; byte++) {
    const visible = byte > SP && byte < 0x7f;
    const isText = byte === HTAB || byte === SP || visible || byte >= 0x80;
    let bits = isText ? VALUE : 0;
    if (isText && byte !== 0x22 && byte !== 0x5c) bits |= QUOTED;
    if (visible) bits |= VISIBLE;
    if (visible && byte !== 0x23) bits |= QUERY;
    if (visible && byte !== 0x23 && byte !== 0x3f) bits |= PATH;
    classes[byte]! |= bits;
  }
  return classes;
}

/** The bytes of an ASCII constant. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * Whether [start, end) is `name`, letters compared without case. `name` is of lower-case letters,
 * digits and hyphens, and the range of bytes that were scanned as a token or a value: then a set
 * 0x20 bit is all that case can change.
 */
export function equalsFolded(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
): boolean {
  const length = name.length;
  if (end - start !== length) return false;
  for (let index = 0; index < length; index++) {
    if (LOWER[bytes[start + index]!] !== name[index]) return false;
  }
  return true;
}
