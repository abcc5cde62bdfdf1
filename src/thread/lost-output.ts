// A server outlives whoever reads its log: a closed terminal, the end of `| head`. Without this a
// line that cannot be written is an uncaught error, and ends the thread that wrote it.

/** For the thread that this is called in. */
export function surviveLostOutput(streams: readonly NodeJS.WriteStream[]): void {
  for (const stream of streams) stream.on("error", () => undefined);
}
