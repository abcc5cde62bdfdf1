// Tells what a platform Response was made of. Reading a string body at once is cheap, and reading a
// stream as if it were one would swallow it whole, but the platform does not say which it is. So the
// constructor is watched in workers: a Response of an object is remembered with that object.
//
// `Response` stays what it was for everybody else: instanceof, subclasses, static methods.

export const BODY_IS_STRING = 0; // or nothing, or made by the platform itself
export const BODY_IS_BYTES = 1; // in memory
export const BODY_IS_STREAM = 2;
export const BODY_IS_FILE = 3;

type BodyOf = WeakMap<Response, object>;

let bodies: BodyOf | null = null;

/** Begins to watch; before the application is imported. Once a thread. */
export function installResponseProbe(): void {
  if (bodies !== null) return;
  const known: BodyOf = new WeakMap();
  bodies = known;
  const Native = globalThis.Response;
  const watched: typeof Response = new Proxy(Native, {
    construct(target, args: ConstructorParameters<typeof Response>, newTarget) {
      const response =
        newTarget === watched
          ? new target(args[0], args[1])
          : (Reflect.construct(target, args, newTarget) as Response);
      const body: unknown = args[0];
      if (typeof body === "object" && body !== null) known.set(response, body);
      return response;
    },
  });
  const clone = Native.prototype.clone;
  Native.prototype.clone = function (this: Response): Response {
    const copy = clone.call(this);
    const body = known.get(this);
    if (body !== undefined) known.set(copy, body);
    return copy;
  };
  globalThis.Response = watched;
}

/** One of BODY_IS_... */
export function bodyKindOf(response: Response): number {
  const body = bodies?.get(response);
  if (body === undefined) return response.url === "" ? BODY_IS_STRING : BODY_IS_STREAM;
  if (body instanceof Blob) return isFile(body) ? BODY_IS_FILE : BODY_IS_BYTES;
  if (body instanceof ReadableStream || Symbol.asyncIterator in body) return BODY_IS_STREAM;
  return BODY_IS_BYTES;
}

/** The file of a Response for which bodyKindOf says BODY_IS_FILE. */
export function fileOf(response: Response): Bun.BunFile {
  return bodies!.get(response) as Bun.BunFile;
}

function isFile(blob: Blob): boolean {
  return "exists" in blob && typeof (blob as Bun.BunFile).name === "string";
}
