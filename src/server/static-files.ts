// A folder served as a site: GET and HEAD of regular files inside it, index.html for a folder, and
// nothing else. A path is decoded once, refused unless it is plainly inside, and what it names is
// resolved through all links before it is opened: no encoding, link or NUL leads out of the root.

import { closeSync, fstatSync, openSync, read, readSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { MillraceError, messageOf } from "../core/errors.ts";
import { METHOD_HEAD } from "../http/methods.ts";
import { answerStatus } from "./answer.ts";
import type { BodySource } from "./body-source.ts";
import type { HttpRequest } from "./http-request.ts";
import type { HttpResponse } from "./http-response.ts";

const SMALL_FILE_BYTES = 32 * 1024; // read at once: cheaper than a trip through the thread pool
const READ_BYTES = 256 * 1024;
const INDEX = "index.html";

export class StaticFiles {
  private readonly root: string;

  /** Throws MillraceError ERR_MODULE when there is no such folder. */
  constructor(folder: string) {
    try {
      this.root = realpathSync(folder);
      if (!statSync(this.root).isDirectory()) throw new Error("it is not a folder");
    } catch (error) {
      const text = `Cannot serve the folder "${folder}": ${messageOf(error)}`;
      throw new MillraceError("ERR_MODULE", text, error);
    }
  }

  /** False when there is no such file here. */
  handle(request: HttpRequest, response: HttpResponse): unknown {
    const path = decodePath(request.path);
    if (path === null) return false;
    const file = this.resolve(path);
    if (file === null) return false;
    if (file.redirect) {
      const query = request.queryString;
      return response.redirect(`${request.path}/${query === "" ? "" : `?${query}`}`, 301);
    }
    return send(file.path, request, response);
  }

  /** The real path of a regular file inside the root, or null. */
  private resolve(path: string): { path: string; redirect: boolean } | null {
    let real = this.inside(join(this.root, path));
    if (real === null) return null;
    if (statSync(real).isDirectory()) {
      if (!path.endsWith("/")) return { path: real, redirect: true };
      real = this.inside(join(real, INDEX));
      if (real === null) return null;
    } else if (path.endsWith("/")) {
      return null;
    }
    return statSync(real).isFile() ? { path: real, redirect: false } : null;
  }

  /** The path with all links resolved, if it exists and is inside the root. */
  private inside(path: string): string | null {
    try {
      const real = realpathSync(path);
      return real === this.root || real.startsWith(this.root + sep) ? real : null;
    } catch {
      return null;
    }
  }
}

/**
 * The path to look up, or null for one that no file may have: not decodable, with NUL or a
 * backslash, with a slash or a dot that was encoded to hide, or a hidden file.
 */
export function decodePath(path: string): string | null {
  if (/%(?:2f|5c|00|2e)/i.test(path)) return null;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  if (/[\\\u0000]/.test(decoded) || !decoded.startsWith("/")) return null;
  for (const segment of decoded.split("/")) {
    if (segment.startsWith(".") && segment !== ".well-known") return null;
  }
  return decoded;
}

function send(path: string, request: HttpRequest, response: HttpResponse): void {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return answerStatus(response, 404);
  }
  const stat = fstatSync(fd);
  response.type = Bun.file(path).type;
  response.addField("Last-Modified", stat.mtime.toUTCString());
  response.addField("X-Content-Type-Options", "nosniff");
  const isHead = request.parser.method === METHOD_HEAD;
  if (isHead || stat.size > SMALL_FILE_BYTES) return response.source(fileSource(fd, stat.size));
  const bytes = Buffer.allocUnsafe(stat.size);
  const count = readSync(fd, bytes, 0, stat.size, 0);
  closeSync(fd);
  response.send(count === stat.size ? bytes : bytes.subarray(0, count));
}

/** Reads an open file to its end or to `size`, and closes it. */
function fileSource(fd: number, size: number): BodySource {
  let position = 0;
  let open = true;
  const close = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  return {
    length: size,
    next: () =>
      new Promise((resolve, reject) => {
        const wanted = Math.min(READ_BYTES, size - position);
        if (wanted === 0) {
          close();
          return resolve(null);
        }
        const bytes = Buffer.allocUnsafe(wanted);
        read(fd, bytes, 0, wanted, position, (error, count) => {
          position += count;
          if (error !== null || count === 0) close();
          if (error !== null) reject(error);
          else resolve(count === 0 ? null : bytes.subarray(0, count));
        });
      }),
    cancel: close,
  };
}
