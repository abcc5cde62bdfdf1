// A worker's server in this process, on a Unix socket of its own, for tests with real clients.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { COUNTERS_PER_ROW } from "../../src/core/counters.ts";
import { createLog } from "../../src/core/log.ts";
import { duplicateDescriptor, ListeningSocket } from "../../src/net/listening-socket.ts";
import { toService } from "../../src/server/load-service.ts";
import { Server } from "../../src/server/server.ts";
import type { Service } from "../../src/server/service.ts";
import { resolveSettings, type ServerSettingsInput } from "../../src/server/settings.ts";

const MACHINE = { processors: 1, fdLimit: 1000 };

let nextSocket = 0;

export class LiveServer {
  readonly server: Server;
  readonly path: string;
  readonly counters: Float64Array = new Float64Array(COUNTERS_PER_ROW);
  readonly log: string[] = [];
  /** What the pool holds when nothing goes on. */
  restBytes = 0;
  private readonly listening: ListeningSocket;

  private constructor(service: Service, settings: ServerSettingsInput) {
    this.path = join(tmpdir(), `millrace-${process.pid}-${nextSocket++}.sock`);
    this.server = new Server({
      service,
      settings: resolveSettings({ workers: 1, ...settings }, MACHINE),
      counters: this.counters,
      log: createLog({ write: (line) => void this.log.push(line) }),
      workerIndex: 0,
      workerCount: 1,
    });
    this.listening = ListeningSocket.open({ kind: "unix", path: this.path }, { backlog: 64 });
  }

  /** Serves what a module might export by default. */
  static async start(exported: unknown, settings: ServerSettingsInput = {}): Promise<LiveServer> {
    const live = new LiveServer(toService("test", exported), settings);
    await live.server.start();
    live.restBytes = live.server.reactor.pool.heldBytes;
    live.server.attach(0, { dup: () => duplicateDescriptor(live.listening.descriptor) });
    return live;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://a${path}`, { ...init, unix: this.path });
  }

  async stop(): Promise<void> {
    await this.server.closeAll();
    if (this.listening.isOpen) this.listening.close();
  }
}
