// Tells a SIGHUP that means "your terminal is gone" from one that means "reload". Somebody who
// shuts the window of a server wants it to end and its port to be free; a server whose terminal
// went away long ago (disown, tmux) is reloaded like any other. The first comes together with the
// hangup, so it is one if the terminal was there a moment ago and is no longer.

import { isatty } from "node:tty";

const WATCH_INTERVAL_MS = 1_000;
const STDIN_FD = 0;

export class Terminal {
  private readonly isThere: () => boolean;
  /** As of the last look; never true again once it was false. */
  private wasThere: boolean;
  private timer: Timer | null = null;

  constructor(isThere: () => boolean = () => isatty(STDIN_FD)) {
    this.isThere = isThere;
    this.wasThere = isThere();
  }

  /** Looks once a second from now on, without keeping the process alive. */
  watch(): void {
    if (!this.wasThere) return;
    this.timer = setInterval(() => this.look(), WATCH_INTERVAL_MS);
    this.timer.unref();
  }

  unwatch(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** True if it went away since the last look. */
  hasJustGone(): boolean {
    return this.wasThere && !this.isThere();
  }

  private look(): void {
    this.wasThere = this.isThere();
    if (!this.wasThere) this.unwatch();
  }
}
