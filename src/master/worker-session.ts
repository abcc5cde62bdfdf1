// The worker's side of the conversation with the master: load the service, attach what was granted,
// drain and leave. It owns the thread: it alone ends it, always by process.exit, which in a worker
// ends the worker only. An uncaught exception ends it too, since what it interrupted is unknown; a
// promise that nobody awaited is reported and the worker lives on, or one request could fell it.

import { AssertionError } from "../core/assert.ts";
import { framesOf, MillraceError, messageOf, type ErrorCode } from "../core/errors.ts";
import { createLog, type Log } from "../core/log.ts";
import { duplicateDescriptor } from "../net/listening-socket.ts";
import type { Orphan } from "../net/uring/descriptor-ledger.ts";
import type { ServiceSource } from "../server/load-service.ts";
import { surviveLostOutput } from "../thread/lost-output.ts";
import { listenToOwner } from "../thread/worker-port.ts";
import type { FromWorker, InitMessage, ListenerGrant, ToWorker } from "./worker-protocol.ts";
import type { WorkerServer, WorkerServerOptions } from "./worker-server.ts";

const STACK_LINES_MAX = 12;

/** One more turn of the loop before a worker detaches: it takes what waits to be accepted. */
const ACCEPT_TURN_MS = 1;

/** What is run; the real one is in worker-main.ts. */
export interface WorkerProgram<Service> {
  loadService(source: ServiceSource): Promise<Service>;
  createServer(options: WorkerServerOptions<Service>): WorkerServer;
}

/** The master's end of the line, and the thread itself: parameters, for tests. */
export interface WorkerPort {
  post(message: FromWorker): void;
  exit(code: number): void;
}

export class WorkerSession<Service> {
  private readonly program: WorkerProgram<Service>;
  private readonly port: WorkerPort;
  private log: Log = createLog();
  private server: WorkerServer | null = null;
  private leaving = false;

  constructor(program: WorkerProgram<Service>, port: WorkerPort) {
    this.program = program;
    this.port = port;
  }

  async receive(message: ToWorker): Promise<void> {
    switch (message.type) {
      case "init":
        return this.attempt("ERR_MODULE", () => this.load(message));
      case "start":
        return this.attempt("ERR_WORKER", () => this.start(message.grants, message.orphans));
      case "drain":
        return this.drain(message.quietMs, message.timeoutMs);
      case "close":
        return this.close();
    }
  }

  uncaughtException(error: unknown): void {
    this.reportStack("uncaught", error);
    this.port.post({ type: "crashed", message: describe(error) });
    this.port.exit(1);
  }

  unhandledRejection(reason: unknown): void {
    if (reason instanceof AssertionError) return this.uncaughtException(reason);
    this.reportStack("unhandled rejection", reason);
  }

  private async load(message: InitMessage): Promise<void> {
    const name = `worker ${message.workerIndex}`;
    this.log = createLog({ level: message.logLevel, name });
    const service = await this.program.loadService(message.source);
    this.server = this.program.createServer({
      service,
      settings: message.settings,
      counters: message.counters,
      log: this.log,
      workerIndex: message.workerIndex,
      workerCount: message.settings.workers,
      ...(message.mail === undefined ? {} : { mail: message.mail }),
      ...(message.memory === undefined ? {} : { memory: message.memory }),
      ...(message.ledger === undefined ? {} : { ledger: message.ledger }),
    });
    this.port.post({ type: "loaded", listeners: this.server.listeners });
  }

  private async start(grants: readonly ListenerGrant[], orphans: readonly Orphan[]): Promise<void> {
    const server = this.server;
    if (server === null || this.leaving) return;
    await server.start();
    if (this.leaving) return;
    grants.forEach((grant, index) => attach(server, index, grant));
    if (orphans.length > 0) server.adopt(orphans);
    this.port.post({ type: "ready" });
  }

  private async drain(quietMs: number, timeoutMs: number): Promise<void> {
    if (this.leaving) return;
    this.leaving = true;
    await Bun.sleep(ACCEPT_TURN_MS);
    await this.server?.detachAll();
    this.port.post({ type: "draining" });
    await this.endServer(async () => this.server?.drain({ quietMs, timeoutMs }));
  }

  private async close(): Promise<void> {
    this.leaving = true;
    await this.endServer(async () => this.server?.closeAll());
  }

  private async endServer(end: () => Promise<void>): Promise<void> {
    try {
      await end();
    } catch (error) {
      this.reportStack("while ending", error);
    }
    this.port.exit(0);
  }

  private async attempt(fallback: ErrorCode, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (this.leaving) return;
      const code = error instanceof MillraceError ? error.code : fallback;
      this.port.post({ type: "failed", code, message: describe(error) + placeOf(error) });
      this.port.exit(1);
    }
  }

  /** A line for the error and one for each frame, so that each can be searched for by itself. */
  private reportStack(what: string, error: unknown): void {
    this.log.error(`${what}: ${describe(error)}`);
    for (const frame of framesOf(error).slice(0, STACK_LINES_MAX)) this.log.error(`  ${frame}`);
  }
}

function attach(server: WorkerServer, index: number, grant: ListenerGrant): void {
  if (grant.kind === "none") return;
  if (grant.kind === "descriptor") {
    const { fd, backlog } = grant;
    server.attach(index, { dup: () => duplicateDescriptor(fd), backlog });
    return;
  }
  const { kind: _, ...address } = grant;
  server.attach(index, address);
}

/** " at setup (/srv/app.ts:3:9)" of an error of the user's; ours explain themselves. */
function placeOf(error: unknown): string {
  const frame = error instanceof MillraceError ? undefined : framesOf(error)[0];
  return frame === undefined ? "" : ` ${frame}`;
}

function describe(error: unknown): string {
  if (error instanceof MillraceError) return error.message;
  return error instanceof Error ? `${error.name}: ${messageOf(error)}` : messageOf(error);
}

/** Runs a program in the worker thread that this is called in. */
export function runWorker<Service>(program: WorkerProgram<Service>): void {
  const owner = listenToOwner<ToWorker, FromWorker>((message) => void session.receive(message));
  const session = new WorkerSession(program, {
    post: (message) => owner.post(message),
    exit: (code) => process.exit(code),
  });
  surviveLostOutput([process.stdout, process.stderr]);
  process.on("uncaughtException", (error) => session.uncaughtException(error));
  process.on("unhandledRejection", (reason) => session.unhandledRejection(reason));
}
