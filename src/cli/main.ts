#!/usr/bin/env bun
// The entry of the command. It finds the command, and turns what it throws into one line and an
// exit code; the commands themselves are loaded when they are asked for.

import packageJson from "../../package.json" with { type: "json" };
import { EXIT_USAGE, exitCodeOf, failureText } from "./failure.ts";
import { nearestName } from "./nearest-name.ts";
import { usageError } from "./option-table.ts";

interface Command {
  readonly summary: string;
  run(args: readonly string[]): Promise<void>;
}

const start: Command = {
  summary: "serve the welcome site, a folder or an app on every core",
  run: async (args) => (await import("./start-command.ts")).startCommand(args),
};

const webbench: Command = {
  summary: "put a server under load and tell the truth about it",
  run: async (args) =>
    args[0] === "--load-process"
      ? (await import("./webbench-load-process.ts")).loadProcess()
      : (await import("./webbench-command.ts")).webbenchCommand(args),
};

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  serve: { ...start, summary: "the same" },
  webbench,
};

const USAGE = `usage: millrace COMMAND [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(8)}  ${summary}`)
  .join("\n")}

  millrace COMMAND --help tells more; millrace --version tells the version.`;

async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args;
  switch (name) {
    case undefined:
      process.stderr.write(`${USAGE}\n`);
      process.exitCode = EXIT_USAGE;
      return;
    case "--help":
    case "-h":
    case "help":
      process.stdout.write(`${USAGE}\n`);
      return;
    case "--version":
    case "-v":
      process.stdout.write(`millrace ${packageJson.version}\n`);
      return;
    default:
      return findCommand(name).run(rest);
  }
}

function findCommand(name: string): Command {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]!;
  const nearest = nearestName(name, Object.keys(COMMANDS));
  const hint = nearest === null ? "try millrace --help" : `did you mean "${nearest}"?`;
  throw usageError(`unknown command "${name}", ${hint}`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(failureText(error));
  process.exit(exitCodeOf(error));
}
