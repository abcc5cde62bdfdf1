// Chunked bodies: those that must be accepted, with what they decode to, and those that must be
// refused, each with the code that must say so. Each character is one byte.

export interface ChunkedVector {
  readonly name: string;
  readonly text: string;
  readonly body: string;
  /** What must be left of `text` behind the body. */
  readonly rest: string;
  readonly trailers: readonly (readonly [string, string])[];
}

type Accepted = readonly [name: string, text: string, body: string, rest?: string];

const PLAIN: readonly Accepted[] = [
  ["empty", "0\r\n\r\n", ""],
  ["one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello"],
  ["two chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"],
  ["next message behind", "1\r\na\r\n0\r\n\r\nGET / HTTP/1.1", "a", "GET / HTTP/1.1"],
  ["line ends in the data", "8\r\n\r\n0\r\n\r\n!\r\n0\r\n\r\n", "\r\n0\r\n\r\n!"],
  ["capital digit", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
  ["small digit", "a\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
  [
    "two digits",
    "1e\r\nall your base are belong to us\r\n0\r\n\r\n",
    "all your base are belong to us",
  ],
  ["zeros before the size", "0005\r\nhello\r\n000\r\n\r\n", "hello"],
  ["very many zeros", `${"0".repeat(64)}1\r\na\r\n${"0".repeat(64)}\r\n\r\n`, "a"],
  ["extension", "1;a=b\r\nx\r\n0;c\r\n\r\n", "x"],
  ["extensions", '1;a;b=c;d="e;f\\"\\\\\t"\r\nx\r\n0\r\n\r\n', "x"],
  ["whitespace around extensions", '1 ;\ta = b\t; c = "d" ;e\r\nx\r\n0\r\n\r\n', "x"],
  ["empty quoted extension", '1;a=""\r\nx\r\n0\r\n\r\n', "x"],
  ["obs-text in a quoted extension", '1;a="\xe9\\\xff"\r\nx\r\n0\r\n\r\n', "x"],
  ["every byte as data", `100\r\n${everyByte()}\r\n0\r\n\r\n`, everyByte()],
];

type WithTrailers = readonly [string, string, readonly (readonly [string, string])[]];

const WITH_TRAILERS: readonly WithTrailers[] = [
  ["trailer", "X-Sum: abc\r\n", [["x-sum", "abc"]]],
  ["empty value", "X:\r\n", [["x", ""]]],
  [
    "two",
    "A: b\r\nC:\td \r\n",
    [
      ["a", "b"],
      ["c", "d"],
    ],
  ],
  [
    "framing is dropped",
    "Content-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n",
    [["a", "b"]],
  ],
  ["routing is dropped", "HOST: a\r\nConnection: close\r\nA: b\r\n", [["a", "b"]]],
  ["credentials are dropped", "Authorization: x\r\nCookie: a=b\r\nSet-Cookie: c\r\n", []],
  ["how to read is dropped", "Vary: *\r\nContent-Type: text/plain\r\nTrailer: A\r\n", []],
  ["garbage values of dropped ones", "Content-Length: -x\r\nTransfer-Encoding: \xff\r\n", []],
  ["long", `A: ${"b".repeat(3000)}\r\n`, [["a", "b".repeat(3000)]]],
];

export const CHUNKED_ACCEPTED: readonly ChunkedVector[] = [
  ...PLAIN.map(([name, text, body, rest = ""]) => ({ name, text, body, rest, trailers: [] })),
  ...WITH_TRAILERS.map(([name, section, trailers]) => ({
    name: `with trailers: ${name}`,
    text: `1\r\na\r\n0\r\n${section}\r\nnext`,
    body: "a",
    rest: "next",
    trailers,
  })),
];

const HOSTILE: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  HTTP_CHUNK_SIZE_INVALID: [
    ["empty line", "\r\n"],
    ["letter", "g\r\n"],
    ["sign", "+1\r\na"],
    ["minus", "-1\r\n"],
    ["0x", "0x1\r\na\r\n0\r\n\r\n"],
    ["space first", " 1\r\n"],
    ["tab first", "\t1\r\n"],
    ["semicolon first", ";a=b\r\n"],
    ["underscore", "1_0\r\n"],
    ["NUL", "1\0\r\n"],
    ["obs-text", "\xb2\r\n"],
    ["empty line after a chunk", "3\r\nfoo\r\n\r\n"],
    ["comma", "1,1\r\n"],
    ["fraction", "1.0\r\n"],
    ["quoted", '"1"\r\n'],
    ["hex prefix", "5h\r\n"],
  ],
  HTTP_CHUNK_SIZE_OVERFLOW: [
    ["2^64", "10000000000000000\r\n"],
    ["2^64 + 5", "10000000000000005\r\n"],
    ["2^53 * 16", "ffffffffffffffff\r\n"],
    ["many digits", `${"f".repeat(200)}\r\n`],
  ],
  HTTP_BODY_TOO_LARGE: [
    ["one chunk", "401\r\n"],
    ["as soon as the size is known", "401;"],
    ["2^52", "fffffffffffff\r\n"],
    ["sum of chunks", `3ff\r\n${"a".repeat(0x3ff)}\r\n2\r\n`],
  ],
  HTTP_CHUNK_EXTENSION_INVALID: [
    ["space behind the size", "5 \r\nhello"],
    ["tab behind the size", "5\t\r\nhello"],
    ["word behind the size", "2 erf\r\n"],
    ["space behind a value", "5;a=b \r\nhello"],
    ["space behind quotes", '5;a="b" \r\nhello'],
    ["no name", "2;\r\naa"],
    ["no name before another", "2;;a\r\n"],
    ["no name, value", "2;=a\r\n"],
    ["no value", "2;a=\r\n"],
    ["no value before another", "2;a=;b\r\n"],
    ["open quote", '2;a="b\r\n'],
    ["text after the quote", '2;a="b"c\r\n'],
    ["two equals signs", "2;a==b\r\n"],
    ["second equals sign", "2;a=b=c\r\n"],
    ["two words", "2;a b\r\n"],
    ["two values", "2;a=b c\r\n"],
    ["space behind the name", "2;a \r\n"],
    ["space for a name", "2; \r\n"],
    ["NUL", "2;a\0\r\n"],
    ["control in quotes", '2;a="\x01"\r\n'],
    ["escaped control", '2;a="\\\x01"\r\n'],
    ["obs-text in the name", "2;\xe9\r\n"],
    ["CR in quotes", '2;a="\r"\r\n'],
    ["comma", "2;a,b\r\n"],
  ],
  HTTP_CHUNK_LINE_TOO_LONG: [
    ["extension", `1;${"a".repeat(64)}\r\n`],
    ["zeros", `${"0".repeat(80)}1\r\n`],
    ["endless", `1;a="${"b".repeat(80)}`],
  ],
  HTTP_CHUNK_EXTENSIONS_TOO_LARGE: [["many lines", "1;abcdefghijklmnop\r\nx\r\n".repeat(8)]],
  HTTP_CHUNK_END_MISSING: [
    ["data longer", "5\r\nhello!\r\n"],
    ["no line end", "5\r\nhello0\r\n\r\n"],
    ["LF only", "5\r\nhello\n0\r\n\r\n"],
    ["CR only", "5\r\nhello\r0\r\n\r\n"],
    ["NUL", "5\r\nhello\0\0"],
  ],
  HTTP_BARE_CR: [
    ["after the size", "5\rhello"],
    ["twice after the size", "5\r\r\nhello"],
    ["after an extension", "5;a\rb\r\n"],
    ["in the last line", "0\r\n\rX"],
    ["after a trailer", "0\r\nA: b\rC: d\r\n\r\n"],
    ["in the blank line after a trailer", "0\r\nA: b\r\n\r0"],
  ],
  HTTP_BARE_LF: [
    ["after the size", "5\nhello\r\n0\r\n\r\n"],
    ["alone", "\n"],
    ["after an extension", "5;a=b\nhello"],
    ["after whitespace", "3 \n  \r\nfoo\r\n"],
    ["as last line", "0\r\n\n"],
    ["after a trailer", "0\r\nA: b\n\r\n"],
    ["in quotes", '5;a="\n"\r\n'],
  ],
  HTTP_FIELD_NAME_SPACE: [["trailer", "0\r\nA : b\r\n\r\n"]],
  HTTP_FIELD_NAME_EMPTY: [["trailer", "0\r\n: b\r\n\r\n"]],
  HTTP_FIELD_NAME_CHARACTER: [["trailer", "0\r\nA[]: b\r\n\r\n"]],
  HTTP_FIELD_COLON_MISSING: [["next request as a trailer", "0\r\nGET\r\n\r\n"]],
  HTTP_FIELD_SPACE_FIRST: [["trailer", "0\r\n A: b\r\n\r\n"]],
  HTTP_FIELD_FOLDED: [["trailer", "0\r\nA: b\r\n c\r\n\r\n"]],
  HTTP_FIELD_VALUE_CHARACTER: [["trailer", "0\r\nA: \0\r\n\r\n"]],
  HTTP_FIELDS_TOO_MANY: [["trailers", `0\r\n${"A:\r\n".repeat(101)}\r\n`]],
  HTTP_TRAILERS_TOO_LARGE: [
    ["one field", `0\r\nA: ${"b".repeat(4096)}\r\n\r\n`],
    ["endless", `0\r\n${"A".repeat(5000)}`],
    ["many fields", `0\r\n${`A: ${"b".repeat(95)}\r\n`.repeat(60)}\r\n`],
  ],
};

export interface ChunkedRefused {
  readonly name: string;
  readonly text: string;
  readonly error: string;
}

export const CHUNKED_REFUSED: readonly ChunkedRefused[] = Object.entries(HOSTILE).flatMap(
  ([error, vectors]) => vectors.map(([name, text]) => ({ name, text, error })),
);

function everyByte(): string {
  return String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
}
