// Opens a file of the site, and only of the site. What a path leads to is decided on the open
// descriptor, not before: its kind by fstat, its place by the path that the kernel has for it, so
// that no exchange of a link between two calls leads out of the root. Nothing but a regular file is
// ever opened for long, and a FIFO or a device never waits for us.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { join, sep } from "node:path";
import { assert } from "../core/assert.ts";

export const OPEN_ABSENT = 0; // nothing here that may be served
export const OPEN_FOLDER = 1;
export const OPEN_FORBIDDEN = 2; // the system does not let us: 403
export const OPEN_BUSY = 3; // no descriptor left: 503
export const OPEN_FAILED = 4; // the device or the file system failed: 500
export type OpenFailure = 0 | 1 | 2 | 3 | 4;

/** Neither waits for a writer of a FIFO nor takes a terminal. */
const FLAGS: number = constants.O_RDONLY | constants.O_NONBLOCK | (constants.O_NOCTTY ?? 0);
const HAS_PROC: boolean = process.platform === "linux";

/** A regular file that is open, shared by all answers that read it; closed with the last one. */
export class OpenFile {
  readonly fd: number;
  readonly stats: Stats;
  private readonly all: OpenFiles;
  private holders = 1;

  constructor(fd: number, stats: Stats, all: OpenFiles) {
    this.fd = fd;
    this.stats = stats;
    this.all = all;
    all.add(this);
  }

  retain(): this {
    assert(this.holders > 0, "a closed file is retained");
    this.holders++;
    return this;
  }

  release(): void {
    assert(this.holders > 0, "a closed file is released");
    if (--this.holders > 0) return;
    this.all.remove(this);
    closeSync(this.fd);
  }
}

/**
 * What is open now. A descriptor belongs to the process and would outlive a worker that crashes:
 * they are closed when the thread ends, unless it had to be terminated.
 */
export class OpenFiles {
  private readonly files: Set<OpenFile> = new Set();
  private readonly atExit = (): void => this.closeAll();

  add(file: OpenFile): void {
    if (this.files.size === 0) process.on("exit", this.atExit);
    this.files.add(file);
  }

  remove(file: OpenFile): void {
    this.files.delete(file);
    if (this.files.size === 0) process.off("exit", this.atExit);
  }

  private closeAll(): void {
    for (const { fd } of this.files) closeSync(fd);
    this.files.clear();
  }
}

export class SiteRoot {
  /** As it was given: a link here may be pointed elsewhere while we run (a new release). */
  readonly folder: string;
  // Where that was at the last look; realpath costs a descriptor and several calls.
  private realRoot = "";
  private rootDevice = -1;
  private rootInode = -1;
  private readonly openFiles: OpenFiles = new OpenFiles();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Opens the regular file at a decoded path. The caller releases it. */
  open(path: string): OpenFile | OpenFailure {
    const name = join(this.folder, path);
    let fd = -1;
    try {
      const before = statSync(name, { throwIfNoEntry: false });
      if (before === undefined) return OPEN_ABSENT;
      if (before.isDirectory()) return this.holds(realpathSync(name)) ? OPEN_FOLDER : OPEN_ABSENT;
      if (!before.isFile() || path.endsWith("/")) return OPEN_ABSENT;
      fd = openSync(name, FLAGS);
      const stats = fstatSync(fd);
      if (stats.isFile() && this.holds(placeOf(fd, name))) {
        return new OpenFile(fd, stats, this.openFiles);
      }
      closeSync(fd);
      return OPEN_ABSENT;
    } catch (error) {
      if (fd >= 0) closeSync(fd);
      return failureOf(error);
    }
  }

  /** What is at a path now, without a look at where it leads; null when nothing is. */
  stat(path: string): Stats | null {
    try {
      return statSync(join(this.folder, path), { throwIfNoEntry: false }) ?? null;
    } catch {
      return null;
    }
  }

  /** Whether a path without links is inside the root. */
  private holds(real: string): boolean {
    const { dev, ino } = statSync(this.folder);
    const isKnown = dev === this.rootDevice && ino === this.rootInode;
    if (isKnown && isInside(real, this.realRoot)) return true;
    this.realRoot = realpathSync(this.folder); // another folder, or moved
    this.rootDevice = dev;
    this.rootInode = ino;
    return isInside(real, this.realRoot);
  }
}

function isInside(real: string, root: string): boolean {
  return real === root || root === sep || real.startsWith(root + sep);
}

/** The real path of an open file. */
function placeOf(fd: number, name: string): string {
  return HAS_PROC ? readlinkSync(`/proc/self/fd/${fd}`) : realpathSync(name);
}

/** Whether two looks saw the same bytes, as far as a file system can tell. */
export function isSameFile(one: Stats, other: Stats): boolean {
  return (
    one.mtimeMs === other.mtimeMs &&
    one.size === other.size &&
    one.ino === other.ino &&
    one.ctimeMs === other.ctimeMs &&
    one.dev === other.dev
  );
}

const FAILURES: Readonly<Record<string, OpenFailure>> = {
  ENOENT: OPEN_ABSENT,
  ENOTDIR: OPEN_ABSENT,
  ENAMETOOLONG: OPEN_ABSENT,
  ELOOP: OPEN_ABSENT,
  ENXIO: OPEN_ABSENT, // a socket, or a device without a driver
  ENODEV: OPEN_ABSENT,
  EINVAL: OPEN_ABSENT, // a name that this file system cannot hold
  EILSEQ: OPEN_ABSENT,
  ERR_INVALID_ARG_VALUE: OPEN_ABSENT, // the runtime's word for a NUL
  EACCES: OPEN_FORBIDDEN,
  EPERM: OPEN_FORBIDDEN,
  EMFILE: OPEN_BUSY,
  ENFILE: OPEN_BUSY,
  ENOMEM: OPEN_BUSY,
};

/** What an error of the file system means for a request. */
export function failureOf(error: unknown): OpenFailure {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return FAILURES[code] ?? OPEN_FAILED;
}
