// From the path of a request to a path below the root. It is decoded once and refused unless every
// segment is plainly a name: nothing that hides a slash, a dot or a NUL, and no hidden file. What
// links make of the names is decided when the file is open (static-open.ts).
//
//   /a//b%20c.txt  ->  /a/b c.txt          repeated slashes count as one, as everywhere on Unix

/** Linux's limit for one name; a longer one cannot exist, and asking costs a system call. */
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 4096;

/** The one hidden folder that is public (RFC 8615). */
const WELL_KNOWN = ".well-known";

/** The path of a file or, with a slash at its end, of a folder; null for one that none may have. */
export function decodePath(path: string): string | null {
  if (!path.startsWith("/") || path.length > PATH_BYTES_MAX) return null;
  let decoded = path;
  if (path.includes("%")) {
    if (/%(?:2f|5c|00)/i.test(path)) return null; // not a separator, and no name holds it
    try {
      decoded = decodeURIComponent(path);
    } catch {
      return null; // not UTF-8
    }
  }
  if (/[\\\u0000]/.test(decoded)) return null;
  if (decoded.includes("//")) decoded = decoded.replace(/\/{2,}/g, "/");
  return isPlain(decoded) ? decoded : null;
}

/** Whether no segment is hidden (which "." and ".." are too) or longer than a name can be. */
function isPlain(path: string): boolean {
  let from = 1;
  while (from < path.length) {
    let to = path.indexOf("/", from);
    if (to < 0) to = path.length;
    const isHidden = path.charCodeAt(from) === 0x2e;
    if (isHidden && path.slice(from, to) !== WELL_KNOWN) return false;
    if (to - from > NAME_BYTES_MAX) return false;
    from = to + 1;
  }
  return true;
}

/**
 * Where a folder without its slash is sent: the same path with one, still encoded, never to another
 * host. Two slashes at the front would name one ("//evil.example" is a URL of its own).
 */
export function folderLocation(path: string, query: string): string {
  const local = path.replace(/\/{2,}/g, "/");
  return `${local}/${query === "" ? "" : `?${query}`}`;
}

/** encodeURIComponent that gives U+FFFD for half a surrogate pair instead of throwing. */
export function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.toWellFormed());
}

/** Whether the last segment has an extension: the name of a file rather than a place in an app. */
export function hasExtension(path: string): boolean {
  return path.indexOf(".", path.lastIndexOf("/") + 1) >= 0;
}
