// Field names and values that an application sets. A line break in a value would let its author
// write fields, or whole answers, of their own: such a value is refused, never cleaned.

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Visible characters, blanks and obs-text, each in one byte on the wire (RFC 9110 section 5.5).
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function checkFieldName(name: string): void {
  if (!NAME.test(name)) {
    throw new TypeError(`Cannot set header ${JSON.stringify(name)}: it is not a field name`);
  }
}

export function checkFieldValue(name: string, value: string): void {
  if (!VALUE.test(value)) {
    throw new TypeError(`Cannot set header ${name}: the value has a character that HTTP forbids`);
  }
}
