// The media type of a file by its extension. The table is the runtime's own (Bun.file), which needs
// no dependency and knows more than the small libraries do; a few entries are put right here, and
// text gets its charset, since files are UTF-8 unless somebody says otherwise.

const CORRECTIONS: Readonly<Record<string, string>> = {
  ts: "video/mp2t", // on a site it is a piece of a film (HLS), not a source file
  mts: "video/mp2t",
  tsx: "text/plain",
  jsx: "text/plain",
  php: "text/plain",
  jxl: "image/jxl",
  zst: "application/zstd",
  br: "application/octet-stream",
  avifs: "image/avif",
  opus: "audio/ogg",
  ipynb: "application/x-ipynb+json",
  wgsl: "text/wgsl",
};

const TEXTUAL = /^(?:text\/|application\/(?:javascript|xml|manifest\+json|vnd\.apple\.mpegurl))/;

const COMPRESSIBLE: readonly RegExp[] = [
  /^text\//,
  /^[^;]*\+(?:json|xml|yaml|text)\b/,
  /^application\/(?:json|javascript|xml|wasm|x-sh|sql|rtf|toml|yaml)\b/,
  /^application\/vnd\.(?:ms-fontobject|apple\.mpegurl)\b/,
  /^font\/(?:otf|ttf|collection)\b/,
  /^image\/(?:bmp|x-icon|vnd\.microsoft\.icon)\b/,
];

/** What goes before the table: extension without its dot, in lower case -> media type. */
export type TypeTable = Readonly<Record<string, string>>;

const NO_TYPES: TypeTable = {};

/** The Content-Type of the file `path`; application/octet-stream when nothing is known. */
export function contentTypeOf(path: string, table: TypeTable = NO_TYPES): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const extension = dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
  if (Object.hasOwn(table, extension)) return table[extension]!;
  const corrected = Object.hasOwn(CORRECTIONS, extension) ? CORRECTIONS[extension]! : null;
  const type = corrected ?? (extension === "" ? "" : Bun.file(`x.${extension}`).type);
  if (type === "") return "application/octet-stream";
  const bare = type.split(";", 1)[0]!.trim();
  return TEXTUAL.test(bare) ? `${bare}; charset=utf-8` : bare;
}

/** Whether files of this type get smaller by compression. */
export function isCompressible(type: string): boolean {
  return COMPRESSIBLE.some((pattern) => pattern.test(type));
}

const COMPRESSED: readonly RegExp[] = [
  /^video\//,
  /^audio\/(?:mpeg|mp4|ogg|aac|webm|x-flac)\b/,
  /^image\/(?:png|jpeg|gif|webp|avif)\b/,
  /^font\/woff/,
];

/** Whether files of this type are compressed in themselves: nobody keeps siblings of them. */
export function isCompressed(type: string): boolean {
  return COMPRESSED.some((pattern) => pattern.test(type));
}
