// `millrace start` as a child process: started, waited for, signalled, and ended by its own id. The
// ready line tells where it listens; standard error is kept line by line and can be waited for.

import { fileURLToPath } from "node:url";

const MAIN: string = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const PATIENCE_MS = 15_000;

/** Of the checkout; others are compiled, or installed. */
const COMMAND: readonly string[] = [process.execPath, MAIN];

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerProcessOptions {
  /** What is put before "start". */
  readonly command?: readonly string[];
  /** Added to this process's. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** So many descriptors and no more. */
  readonly fdLimit?: number;
}

export class ServerProcess {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  private readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  private readonly streams: Promise<unknown>;
  private waiting: (() => void)[] = [];

  private constructor(args: readonly string[], options: ServerProcessOptions) {
    const { environment, cwd = process.cwd(), fdLimit } = options;
    const command = [...(options.command ?? COMMAND), "start", ...args];
    const limited = ["sh", "-c", `ulimit -n ${fdLimit} && exec "$@"`, "sh", ...command];
    this.child = Bun.spawn(fdLimit === undefined ? command : limited, {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, PORT: "", ...environment },
      cwd,
    });
    this.streams = Promise.all([
      this.collect(this.child.stdout, this.stdout),
      this.collect(this.child.stderr, this.stderr),
    ]);
    void this.child.exited.then(() => this.wake());
  }

  /** Resolves at the first ready line; rejects with what the process said instead. */
  static async start(
    args: readonly string[] = [],
    environment: Record<string, string> = {},
  ): Promise<ServerProcess> {
    return ServerProcess.startRaw(["--port", "0", "--workers", "2", ...args], environment);
  }

  /** The same without arguments of its own. */
  static async startRaw(
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<ServerProcess> {
    return ServerProcess.startWith({ environment }, args);
  }

  /** Another command, elsewhere. */
  static async startWith(
    options: ServerProcessOptions,
    args: readonly string[],
  ): Promise<ServerProcess> {
    const server = new ServerProcess(args, options);
    await server.until("a ready line", () => server.stdout.length > 0);
    return server;
  }

  /** In a process that may have so many descriptors and no more. */
  static async startWithin(fdLimit: number, args: readonly string[]): Promise<ServerProcess> {
    return ServerProcess.startWith({ fdLimit }, ["--port", "0", ...args]);
  }

  /** Runs the command to its end: for one that is expected to fail. */
  static async run(
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<Finished> {
    const server = new ServerProcess(args, { environment });
    await server.until("its end", () => server.child.exitCode !== null);
    return server.finished();
  }

  get pid(): number {
    return this.child.pid;
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Of the first listener. */
  get url(): string {
    return / on (\S+) /.exec(this.stdout[0] ?? "")?.[1] ?? "";
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  logged(pattern: RegExp): number {
    return this.stderr.filter((line) => pattern.test(line)).length;
  }

  /** Resolves when so many lines of the log match. */
  async untilLogged(pattern: RegExp, count = 1): Promise<void> {
    await this.until(`${count} of ${pattern}`, () => this.logged(pattern) >= count);
  }

  async untilEnded(): Promise<Finished> {
    await this.until("its end", () => this.hasEnded);
    return this.finished();
  }

  /** For afterEach: ends what still runs. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.child.kill("SIGKILL");
    await this.child.exited;
  }

  private async finished(): Promise<Finished> {
    await this.streams;
    const [stdout, stderr] = [this.stdout, this.stderr].map((lines) => lines.join("\n"));
    return { code: this.child.exitCode, stdout: stdout!, stderr: stderr! };
  }

  private async collect(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
      this.wake();
    }
    if (rest !== "") lines.push(rest);
    this.wake();
  }

  private wake(): void {
    for (const resume of this.waiting.splice(0)) resume();
  }

  private async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!holds()) {
      const left = deadline - performance.now();
      if (left <= 0 || (this.hasEnded && !what.startsWith("its end"))) {
        await Promise.race([this.streams, Bun.sleep(100)]);
        if (holds()) return;
        const said = [...this.stdout, ...this.stderr].join("\n");
        throw new Error(`waited in vain for ${what}; the server said:\n${said}`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.waiting.push(resolve);
      const timer = setTimeout(resolve, Math.min(left, 50));
      await promise;
      clearTimeout(timer);
    }
  }
}
