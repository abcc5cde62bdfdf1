// Finds the handler for a method and a path. Fixed paths are found by a hash of their bytes, which
// the parser has computed in passing, so that the common request makes no string at all. Paths with
// parameters are tried after that in a tree of segments: fixed text before `:name` before `*`.
//
// The methods count: a path that has no handler for the method of the request does not hide another
// that has one. Only when none has, the answer is 405, with the methods of all that matched.
//
// Invariant: every pattern is in exactly one of the two; a lookup changes nothing but `match`.

import { latin1Slice } from "../core/latin1.ts";
import { hashPath } from "../http/request-parser.ts";
import { METHOD_GET, METHOD_HEAD, METHOD_NAMES } from "../http/methods.ts";

const METHOD_COUNT: number = METHOD_NAMES.length;
/** The place in a handler list for a pattern without a method. */
const ANY = 0;

/** A handler, and what it calls the segments that its pattern leaves open. */
interface Route<Handler> {
  readonly handler: Handler;
  readonly names: readonly string[];
}

/** By method. */
type Routes<Handler> = (Route<Handler> | undefined)[];

interface FixedPath<Handler> {
  readonly path: string;
  readonly bytes: Buffer;
  readonly routes: Routes<Handler>;
}

class Segment<Handler> {
  readonly fixed: Map<string, Segment<Handler>> = new Map();
  parameter: Segment<Handler> | null = null;
  routes: Routes<Handler> | null = null;
  restRoutes: Routes<Handler> | null = null;
}

/** What a lookup found; reused for each. */
export class RouteMatch<Handler> {
  /** Undefined: no such path, or not by this method. */
  handler: Handler | undefined = undefined;
  names: readonly string[] = NO_NAMES;
  values: string[] = [];
  /** Without a handler: there are others for the path. */
  found = false;
  /** Their methods, a bit each. */
  methods = 0;

  /** The methods that the path has, for an Allow field. */
  allow(): string {
    const names = new Set<string>(["OPTIONS"]);
    METHOD_NAMES.forEach((name, method) => {
      if ((this.methods & (1 << method)) === 0) return;
      names.add(name);
      if (method === METHOD_GET) names.add("HEAD");
    });
    return [...names].sort().join(", ");
  }
}

export class Router<Handler> {
  readonly match: RouteMatch<Handler> = new RouteMatch<Handler>();
  private readonly fixed: Map<number, FixedPath<Handler>[]> = new Map();
  private readonly root: Segment<Handler> = new Segment<Handler>();
  private hasPatterns = false;

  /** Adds "METHOD /path" or "/path"; throws a TypeError that names the pattern when it is wrong. */
  add(pattern: string, handler: Handler): void {
    const { method, path } = parsePattern(pattern);
    const names: string[] = [];
    const isOpen = /\/[:*]/.test(path);
    const routes = isOpen ? this.addPattern(pattern, path, names) : this.addFixed(path);
    if (routes[method] !== undefined) throw wrong(pattern, "it is there twice");
    routes[method] = { handler, names };
  }

  /** Looks up bytes[start, end), whose hash is `hash`; the answer is in `match`. */
  find(
    bytes: Buffer,
    start: number,
    end: number,
    hash: number,
    method: number,
  ): RouteMatch<Handler> {
    const match = this.match;
    match.handler = undefined;
    match.found = false;
    match.methods = 0;
    const candidates = this.fixed.get(hash);
    if (candidates !== undefined) {
      for (let index = 0; index < candidates.length; index++) {
        const candidate = candidates[index]!;
        if (!sameBytes(candidate.bytes, bytes, start, end)) continue;
        if (this.accept(candidate.routes, method)) return match;
        break;
      }
    }
    if (this.hasPatterns) this.findPattern(latin1Slice(bytes, start, end), method);
    return match;
  }

  private addFixed(path: string): Routes<Handler> {
    const hash = hashPath(path);
    const paths = this.fixed.get(hash) ?? [];
    this.fixed.set(hash, paths);
    let fixed = paths.find((candidate) => candidate.path === path);
    if (fixed === undefined) {
      fixed = { path, bytes: Buffer.from(path, "latin1"), routes: noRoutes() };
      paths.push(fixed);
    }
    return fixed.routes;
  }

  private addPattern(pattern: string, path: string, names: string[]): Routes<Handler> {
    this.hasPatterns = true;
    let segment = this.root;
    const parts = path.slice(1).split("/");
    for (const [index, part] of parts.entries()) {
      if (part.startsWith("*")) {
        if (index !== parts.length - 1) throw wrong(pattern, "* must be the last segment");
        addName(pattern, names, part.slice(1) || "*");
        return (segment.restRoutes ??= noRoutes());
      }
      if (part.startsWith(":")) {
        const name = part.slice(1);
        if (!/^\w+$/.test(name)) throw wrong(pattern, `":${name}" is not a parameter name`);
        addName(pattern, names, name);
        segment = segment.parameter ??= new Segment<Handler>();
      } else {
        const next = segment.fixed.get(part) ?? new Segment<Handler>();
        segment.fixed.set(part, next);
        segment = next;
      }
    }
    return (segment.routes ??= noRoutes());
  }

  private findPattern(path: string, method: number): void {
    this.match.values.length = 0;
    this.descend(this.root, path, 1, method);
  }

  /** Depth first, the more particular branch first; undoes the values of a branch that fails. */
  private descend(segment: Segment<Handler>, path: string, from: number, method: number): boolean {
    const { values } = this.match;
    if (from > path.length) return this.accept(segment.routes, method);
    let to = path.indexOf("/", from);
    if (to < 0) to = path.length;
    const part = path.slice(from, to);
    const fixed = segment.fixed.get(part);
    if (fixed !== undefined && this.descend(fixed, path, to + 1, method)) return true;
    const depth = values.length;
    if (segment.parameter !== null && part !== "") {
      values.push(part);
      if (this.descend(segment.parameter, path, to + 1, method)) return true;
      values.length = depth;
    }
    if (segment.restRoutes === null) return false;
    values.push(path.slice(from));
    if (this.accept(segment.restRoutes, method)) return true;
    values.length = depth;
    return false;
  }

  /** Takes the route for the method: HEAD falls back to GET, every method to the one for all. */
  private accept(routes: Routes<Handler> | null, method: number): boolean {
    if (routes === null) return false;
    const match = this.match;
    const own = routes[method] ?? (method === METHOD_HEAD ? routes[METHOD_GET] : undefined);
    const route = own ?? routes[ANY];
    if (route === undefined) {
      match.found = true;
      for (let other = 0; other < METHOD_COUNT; other++) {
        if (routes[other] !== undefined) match.methods |= 1 << other;
      }
      return false;
    }
    match.handler = route.handler;
    match.names = route.names;
    return true;
  }
}

const NO_NAMES: readonly string[] = [];

function noRoutes<Handler>(): Routes<Handler> {
  return new Array<Route<Handler> | undefined>(METHOD_COUNT).fill(undefined);
}

function addName(pattern: string, names: string[], name: string): void {
  if (names.includes(name)) throw wrong(pattern, `":${name}" is there twice`);
  names.push(name);
}

function parsePattern(pattern: string): { method: number; path: string } {
  const space = pattern.indexOf(" ");
  const name = space < 0 ? "" : pattern.slice(0, space);
  const path = pattern.slice(space + 1);
  const method = name === "" ? ANY : METHOD_NAMES.indexOf(name);
  if (method < 0) throw wrong(pattern, `"${name}" is not a method that can be routed`);
  if (!path.startsWith("/")) throw wrong(pattern, "the path must begin with /");
  if (!/^[\x21-\x7e]+$/.test(path) || /[?#]/.test(path)) {
    throw wrong(pattern, "the path must be visible ASCII without ? and #");
  }
  return { method, path };
}

function wrong(pattern: string, why: string): TypeError {
  return new TypeError(`Cannot add route "${pattern}": ${why}`);
}

function sameBytes(route: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const length = route.length;
  if (end - start !== length) return false;
  for (let index = 0; index < length; index++) {
    if (route[index] !== bytes[start + index]) return false;
  }
  return true;
}
