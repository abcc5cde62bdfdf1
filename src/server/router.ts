// Finds the handler for a method and a path. Fixed paths are found by a hash of their bytes, which
// the parser has computed in passing, so that the common request makes no string at all. Paths with
// parameters are tried after that in a tree of segments: fixed text before `:name` before `*`.
//
// Invariant: every pattern is in exactly one of the two; a lookup changes nothing but `match`.

import { latin1Slice } from "../core/latin1.ts";
import { hashPath } from "../http/request-parser.ts";
import { METHOD_NAMES } from "../http/methods.ts";

const METHOD_COUNT: number = METHOD_NAMES.length;
/** The place in a handler list for a pattern without a method. */
const ANY = 0;

type Handlers<Handler> = (Handler | undefined)[];

interface FixedRoute<Handler> {
  readonly path: string;
  readonly bytes: Buffer;
  readonly handlers: Handlers<Handler>;
}

class Segment<Handler> {
  readonly fixed: Map<string, Segment<Handler>> = new Map();
  parameter: Segment<Handler> | null = null;
  handlers: Handlers<Handler> | null = null;
  names: readonly string[] = [];
  restHandlers: Handlers<Handler> | null = null;
  restNames: readonly string[] = [];
}

/** What a lookup found; reused for each. `handlers` null: no such path. */
export class RouteMatch<Handler> {
  handlers: Handlers<Handler> | null = null;
  names: readonly string[] = [];
  values: string[] = [];

  /** The handler of a method; HEAD falls back to GET; undefined means 405. */
  handler(method: number, methodHead: number, methodGet: number): Handler | undefined {
    const handlers = this.handlers;
    if (handlers === null) return undefined;
    const own = handlers[method] ?? (method === methodHead ? handlers[methodGet] : undefined);
    return own ?? handlers[ANY];
  }

  /** The methods that the path has, for an Allow field. */
  allow(): string {
    const names = new Set<string>(["OPTIONS"]);
    this.handlers?.forEach((handler, method) => {
      if (handler === undefined) return;
      names.add(METHOD_NAMES[method]!);
      if (METHOD_NAMES[method] === "GET") names.add("HEAD");
    });
    return [...names].sort().join(", ");
  }
}

export class Router<Handler> {
  readonly match: RouteMatch<Handler> = new RouteMatch<Handler>();
  private readonly fixed: Map<number, FixedRoute<Handler>[]> = new Map();
  private readonly root: Segment<Handler> = new Segment<Handler>();
  private hasPatterns = false;

  /** Adds "METHOD /path" or "/path"; throws a TypeError that names the pattern when it is wrong. */
  add(pattern: string, handler: Handler): void {
    const { method, path } = parsePattern(pattern);
    const handlers = /[:*]/.test(path) ? this.addPattern(pattern, path) : this.addFixed(path);
    if (handlers[method] !== undefined) throw wrong(pattern, "it is there twice");
    handlers[method] = handler;
  }

  /** Looks up bytes[start, end), whose hash is `hash`; the answer is in `match`. */
  find(bytes: Buffer, start: number, end: number, hash: number): RouteMatch<Handler> {
    const match = this.match;
    const candidates = this.fixed.get(hash);
    if (candidates !== undefined) {
      for (let index = 0; index < candidates.length; index++) {
        const route = candidates[index]!;
        if (!sameBytes(route.bytes, bytes, start, end)) continue;
        match.handlers = route.handlers;
        match.names = NO_NAMES;
        return match;
      }
    }
    match.handlers = null;
    match.names = NO_NAMES;
    if (this.hasPatterns) this.findPattern(latin1Slice(bytes, start, end));
    return match;
  }

  private addFixed(path: string): Handlers<Handler> {
    const hash = hashPath(path);
    const routes = this.fixed.get(hash) ?? [];
    this.fixed.set(hash, routes);
    let route = routes.find((candidate) => candidate.path === path);
    if (route === undefined) {
      route = { path, bytes: Buffer.from(path, "latin1"), handlers: noHandlers() };
      routes.push(route);
    }
    return route.handlers;
  }

  private addPattern(pattern: string, path: string): Handlers<Handler> {
    this.hasPatterns = true;
    const names: string[] = [];
    let segment = this.root;
    const parts = path.slice(1).split("/");
    for (const [index, part] of parts.entries()) {
      if (part.startsWith("*")) {
        if (index !== parts.length - 1) throw wrong(pattern, "* must be the last segment");
        segment.restNames = [...names, part.slice(1) || "*"];
        return (segment.restHandlers ??= noHandlers());
      }
      if (part.startsWith(":")) {
        const name = part.slice(1);
        if (!/^\w+$/.test(name)) throw wrong(pattern, `":${name}" is not a parameter name`);
        if (names.includes(name)) throw wrong(pattern, `":${name}" is there twice`);
        names.push(name);
        segment = segment.parameter ??= new Segment<Handler>();
      } else {
        const next = segment.fixed.get(part) ?? new Segment<Handler>();
        segment.fixed.set(part, next);
        segment = next;
      }
    }
    segment.names = names;
    return (segment.handlers ??= noHandlers());
  }

  private findPattern(path: string): void {
    this.match.values.length = 0;
    this.descend(this.root, path, 1);
  }

  /** Depth first, the more particular branch first; undoes the values of a branch that fails. */
  private descend(segment: Segment<Handler>, path: string, from: number): boolean {
    const match = this.match;
    if (from > path.length) return this.accept(segment.handlers, segment.names);
    let to = path.indexOf("/", from);
    if (to < 0) to = path.length;
    const part = path.slice(from, to);
    const fixed = segment.fixed.get(part);
    if (fixed !== undefined && this.descend(fixed, path, to + 1)) return true;
    const depth = match.values.length;
    if (segment.parameter !== null && part !== "") {
      match.values.push(part);
      if (this.descend(segment.parameter, path, to + 1)) return true;
      match.values.length = depth;
    }
    if (segment.restHandlers === null) return false;
    match.values.push(path.slice(from));
    return this.accept(segment.restHandlers, segment.restNames);
  }

  private accept(handlers: Handlers<Handler> | null, names: readonly string[]): boolean {
    if (handlers === null) return false;
    this.match.handlers = handlers;
    this.match.names = names;
    return true;
  }
}

const NO_NAMES: readonly string[] = [];

function noHandlers<Handler>(): Handlers<Handler> {
  return new Array<Handler | undefined>(METHOD_COUNT).fill(undefined);
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
