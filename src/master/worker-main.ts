// The entry of a worker thread: the session with the master over the real server. Thin, so that it
// can be an entry of the compiled binary too.

import { Arena } from "../memory/arena.ts";
import { loadService } from "../server/load-service.ts";
import { Server } from "../server/server.ts";
import type { Service } from "../server/service.ts";
import { secureMain } from "../server/transport.ts";
import { Mailbox } from "../thread/mailbox.ts";
import type { ArenaGrant } from "./shared-arena.ts";
import type { ListenerSpec, WorkerServer, WorkerServerOptions } from "./worker-server.ts";
import { runWorker } from "./worker-session.ts";

function createServer(options: WorkerServerOptions<Service>): WorkerServer {
  const service = secureMain(options.service, options.settings.tls);
  const { mail, memory } = options;
  let relieve = (): void => {}; // the limit may be met while the server is made
  const store = memory === undefined ? null : attachArena(memory, () => relieve());
  const server = new Server({
    ...options,
    service,
    ...(store === null ? {} : { store }),
    openMail: (channel) =>
      mail === undefined ? null : new Mailbox(mail.exchange, mail.member, channel),
  });
  relieve = () => server.relieve();
  return {
    listeners: nameListeners(service),
    start: () => server.start(),
    attach: (index, source) => server.attach(index, source),
    adopt: (orphans) => server.adopt(orphans),
    detachAll: () => server.detachAll(),
    drain: (deadline) => server.drain(deadline),
    closeAll: () => server.closeAll(),
  };
}

/** Nothing is given back at the end of the thread: the master recovers it, whatever the end was. */
function attachArena({ handle, worker }: ArenaGrant, onPressure: () => void): Arena {
  return Arena.attach(handle, { worker, onPressure });
}

function nameListeners(service: Service): ListenerSpec[] {
  return Server.specs(service).map((spec, index) => ({ ...spec, name: `${spec.kind} ${index}` }));
}

runWorker({ loadService, createServer });
