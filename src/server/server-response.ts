// The Response that an application makes in a worker: the platform's own, which remembers what it
// was made of. The platform does not tell, and it matters: a string can be sent at once, a stream
// must not be swallowed whole, a file is best read as it leaves.
//
// For everybody else it is `Response`: instanceof holds for those that the platform makes too.

const Native: typeof Response = globalThis.Response;
const BODY: unique symbol = Symbol("body");
const PLAIN: unique symbol = Symbol("plain");
const CODED: unique symbol = Symbol("coded");

interface Remembering {
  [BODY]?: unknown;
  /** It has no header fields but what follows from the body. */
  [PLAIN]?: boolean;
  [CODED]?: boolean;
}

class ServerResponse extends Native implements Remembering {
  [BODY]: unknown;
  [PLAIN]: boolean;

  constructor(...args: ConstructorParameters<typeof Response>) {
    super(args[0], args[1]);
    this[BODY] = args[0];
    const isObject = typeof args[0] === "object" && args[0] !== null; // may bring a type of its own
    this[PLAIN] = !isObject && (args[1] === undefined || args[1].headers === undefined);
  }

  override clone(): Response {
    const copy = super.clone() as Response & Remembering;
    copy[BODY] = this[BODY];
    copy[PLAIN] = false;
    return copy;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this === ServerResponse) return value instanceof Native;
    return Function.prototype[Symbol.hasInstance].call(this, value);
  }
}

const nativeHeaders = Object.getOwnPropertyDescriptor(Native.prototype, "headers")?.get;

Object.defineProperty(ServerResponse, "name", { value: "Response", configurable: true });
Object.defineProperty(ServerResponse.prototype, "headers", {
  configurable: true,
  get(this: ServerResponse): unknown {
    this[PLAIN] = false; // who asks may change them
    return nativeHeaders?.call(this);
  },
});

/** Puts it in the place of the global; before the application is loaded. */
export function installServerResponse(): void {
  globalThis.Response = ServerResponse;
}

export const BODY_IS_NONE = 0;
export const BODY_IS_STRING = 1;
export const BODY_IS_BYTES = 2; // in memory
export const BODY_IS_STREAM = 3;
export const BODY_IS_FILE = 4;

/** One of BODY_IS_... */
export function bodyKindOf(response: Response): number {
  const { [BODY]: body, [PLAIN]: plain } = response as Remembering;
  if (typeof body === "string") return BODY_IS_STRING;
  if (body === null || body === undefined) {
    if (plain !== undefined) return BODY_IS_NONE;
    // Made by the platform: by fetch(), or by a static method, from memory.
    return response.url === "" ? BODY_IS_BYTES : BODY_IS_STREAM;
  }
  if (typeof body === "function") return BODY_IS_STREAM; // a generator function
  if (typeof body !== "object") return BODY_IS_BYTES; // a number, or what else becomes text
  if (body instanceof Blob) return isFile(body) ? BODY_IS_FILE : BODY_IS_BYTES;
  if (body instanceof ReadableStream || Symbol.asyncIterator in body) return BODY_IS_STREAM;
  return BODY_IS_BYTES;
}

/** Notes that fetch() was told to leave the coding of this body as it came. */
export function markCoded(response: Response): void {
  (response as Remembering)[CODED] = true;
}

/** Whether the platform fetched it, and has taken off the coding that its fields still name. */
export function isDecoded(response: Response): boolean {
  const { [PLAIN]: plain, [CODED]: coded } = response as Remembering;
  return plain === undefined && coded !== true && response.url !== "";
}

/** The string of a Response for which bodyKindOf says BODY_IS_STRING. */
export function stringOf(response: Response): string {
  return (response as Remembering)[BODY] as string;
}

/** The file of a Response for which bodyKindOf says BODY_IS_FILE. */
export function fileOf(response: Response): Bun.BunFile {
  return (response as Remembering)[BODY] as Bun.BunFile;
}

/** Whether nobody has set or seen a header field of it. */
export function isPlain(response: Response): boolean {
  return (response as Remembering)[PLAIN] === true;
}

function isFile(blob: Blob): boolean {
  return "exists" in blob && typeof (blob as Bun.BunFile).name === "string";
}
