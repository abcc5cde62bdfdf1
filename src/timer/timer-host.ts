// What the timer driver needs of the runtime, so that a test can be the runtime: one timer and one
// turn of the event loop.

export interface TimerHost {
  /** Calls back once, not before `delayMs` (whole, 0 .. 2^31 - 1) have passed. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** The timer of this handle will not call back any more. */
  clearTimer(handle: unknown): void;
  /** Calls back after the sockets that are readable now have been read. */
  nextTurn(callback: () => void): void;
}

export const systemTimerHost: TimerHost = {
  setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimer: (handle) => clearTimeout(handle as Timer),
  nextTurn: (callback) => void setImmediate(callback),
};

/** Like systemTimerHost, but a waiting timer does not keep the process alive. */
export const unrefTimerHost: TimerHost = {
  ...systemTimerHost,
  setTimer: (callback, delayMs) => setTimeout(callback, delayMs).unref(),
};
