// How long a byte that has arrived waits until this process looks at it: the generator's own share
// in every latency it reports. A connection to itself carries one byte every few milliseconds; the
// time from its write to its data event is the work of one system call and of everything that the
// event loop had to do before.

import { assert } from "../core/assert.ts";
import type { LatencyBuckets } from "./latency-buckets.ts";

const PROBE: Buffer = Buffer.from("?");
const PROBE_INTERVAL_MS = 10;

export class SelfProbe {
  private readonly delays: LatencyBuckets;
  private readonly listener: Bun.TCPSocketListener<undefined>;
  private socket: Bun.Socket | null = null;
  private timer: Timer | null = null;
  private sentMs = 0; // 0: no byte is under way

  private constructor(delays: LatencyBuckets) {
    this.delays = delays;
    this.listener = Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: () => this.arrived(), error: (_socket, error) => this.fail(error) },
    });
  }

  /** Connects; sends nothing before start(). */
  static async open(delays: LatencyBuckets): Promise<SelfProbe> {
    const probe = new SelfProbe(delays);
    const { hostname, port } = probe.listener;
    const nothing = (): void => undefined;
    probe.socket = await Bun.connect({ hostname, port, socket: { data: nothing, error: nothing } });
    return probe;
  }

  start(): void {
    this.timer = setInterval(() => this.send(), PROBE_INTERVAL_MS);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.socket?.terminate();
    this.listener.stop(true);
  }

  private send(): void {
    if (this.sentMs !== 0) return;
    assert(this.socket !== null, "a probe without its connection");
    this.sentMs = performance.now();
    this.socket.write(PROBE);
  }

  private arrived(): void {
    this.delays.record(performance.now() - this.sentMs);
    this.sentMs = 0;
  }

  private fail(error: Error): never {
    throw error;
  }
}
