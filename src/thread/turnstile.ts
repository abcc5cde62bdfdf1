// Lets asynchronous tasks through one at a time, in the order they came. Workers are loaded through
// one: several that load at once have crashed earlier versions of the runtime, and they would only
// compete for the processors. A failed task passes its error to its caller, not to the next one.

export class Turnstile {
  private last: Promise<unknown> = Promise.resolve();

  pass<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.last.then(task, task);
    this.last = run.catch(() => undefined);
    return run;
  }
}
