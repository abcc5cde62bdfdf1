// One worker thread as its owner sees it: messages out, messages in, and one end. Mechanism only:
// whether a worker is replaced, and when, is decided above. The owner hears onExit exactly once,
// after the last message, and the thread has stopped by then: it writes to shared memory no more.

import { assert } from "../core/assert.ts";
import { ENVELOPE, type Envelope } from "./worker-port.ts";

export interface WorkerExit {
  /** What the thread passed to process.exit(); 1 after an uncaught error. */
  readonly code: number;
  /** One line about the uncaught error, if the runtime reported one. */
  readonly error: string | null;
}

export interface WorkerHandleOptions<FromWorker> {
  /** A module with the worker's code. */
  readonly entry: URL;
  /** Shown by debuggers and by ps -L. */
  readonly name: string;
  onMessage(message: FromWorker): void;
  onExit(exit: WorkerExit): void;
}

/** The messages of both directions must be plain, small, cloneable objects. */
export class WorkerHandle<ToWorker, FromWorker> {
  private readonly worker: Worker;
  private error: string | null = null;
  private ended = false;

  constructor(options: WorkerHandleOptions<FromWorker>) {
    this.worker = new Worker(options.entry.href, { name: options.name });
    this.worker.onmessage = (event: MessageEvent<unknown>) => {
      const envelope = event.data as Envelope<FromWorker> | null | undefined;
      // The user's code runs in that thread too, and may post what it likes.
      if (typeof envelope === "object" && envelope !== null && ENVELOPE in envelope) {
        options.onMessage(envelope[ENVELOPE]);
      }
    };
    this.worker.onerror = (event: ErrorEvent) => {
      event.preventDefault();
      this.error ??= firstLineOfError(event.message);
    };
    this.worker.addEventListener("close", (event) => {
      assert(!this.ended, "a worker ends once");
      this.ended = true;
      // The runtime closes with 0 after some errors: in a module's own code, in a promise.
      const code = (event as CloseEvent).code || (this.error === null ? 0 : 1);
      options.onExit({ code, error: this.error });
    });
  }

  get isAlive(): boolean {
    return !this.ended;
  }

  /** Messages to a worker that is gone are dropped. */
  post(message: ToWorker): void {
    if (!this.ended) this.worker.postMessage({ [ENVELOPE]: message });
  }

  /** The last resort: it stops the thread wherever it is, holding whatever it holds. */
  terminate(): void {
    if (!this.ended) this.worker.terminate();
  }
}

/**
 * The runtime reports an uncaught error as a listing: source lines with a caret, the message, the
 * stack. Of that, the line with the message: "TypeError: x is not a function".
 */
export function firstLineOfError(report: string): string {
  const lines = report.split("\n").map((line) => line.trim());
  const message = lines.find((line) => /^(error|[A-Z]\w*Error|BuildMessage)\b.*:/.test(line));
  const chosen = message ?? lines.find((line) => line !== "" && !/^(\d+ \||\^)/.test(line)) ?? "";
  return chosen.replace(/^error: /, "").replace(/^BuildMessage: /, "");
}
