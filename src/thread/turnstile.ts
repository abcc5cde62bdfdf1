// Lets asynchronous tasks through one at a time, in the order they came. Workers are spawned
// through one: several that were spawned at once have crashed earlier versions of the runtime, and
// they would only compete for the processors. A task's error goes to its caller alone.

export class Turnstile {
  private last: Promise<unknown> = Promise.resolve();

  pass<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.last.then(task, task);
    this.last = run.catch(() => undefined);
    return run;
  }
}
