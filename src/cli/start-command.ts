// `millrace start`: a server in the foreground until a signal ends it. Standard output gets a line
// for each listener when the server accepts connections, and nothing else ever.

import { createLog } from "../core/log.ts";
import { MillraceServer } from "../master/serve.ts";
import { installSignals } from "../master/signals.ts";
import { Terminal } from "../master/terminal.ts";
import { surviveLostOutput } from "../thread/lost-output.ts";
import { parseStartArguments, startHelp } from "./arguments.ts";
import { failureText, EXIT_CANNOT_START } from "./failure.ts";

const START_USAGE = `usage: millrace start [FOLDER | MODULE] [options]

  millrace start              the welcome site on every core
  millrace start ./public     a folder as a site
  millrace start ./app.ts     an app: export default { fetch } or a millrace service

options (defaults in parentheses):
${startHelp()}

SIGHUP reloads the workers one by one, SIGTERM and SIGINT drain, SIGUSR1 prints counters.`;

/** Resolves when the server accepts connections; throws MillraceError. */
export async function startCommand(args: readonly string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(`${START_USAGE}\n`);
    return;
  }
  const options = parseStartArguments(args, process.env);
  const exit = (code: number) => process.exit(code);
  const server = new MillraceServer({
    ...options,
    onFailure: (error) => {
      process.stderr.write(failureText(error));
      exit(EXIT_CANNOT_START);
    },
  });
  surviveLostOutput([process.stdout, process.stderr]);
  const terminal = new Terminal();
  terminal.watch();
  installSignals({
    target: server,
    log: createLog({ level: options.logLevel ?? "info" }),
    exit,
    write: (text) => void process.stderr.write(text),
    terminalHasGone: () => terminal.hasJustGone(),
  });
  await server.start();
  if (!server.isStopping) announce(server);
}

function announce(server: MillraceServer): void {
  const { workers } = server.settings;
  const count = `${workers} workers`; // one form: programs read this line
  for (const url of server.urls) {
    process.stdout.write(`millrace listening on ${url} (${count})\n`);
  }
}
