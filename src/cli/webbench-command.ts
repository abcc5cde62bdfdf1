// `millrace webbench`: the load tester. Standard output gets the report (or, if asked, only JSON
// or CSV), standard error the live view and what went wrong. Its exit codes are those that
// webbench 1.5 documents, and four more:
//
//   0 measured | 1 server not on-line | 2 bad parameter | 3 a load process failed
//   4 not one request succeeded | 99 a --fail-if came true | 130 interrupted

import { writeFileSync } from "node:fs";
import packageJson from "../../package.json" with { type: "json" };
import { MillraceError, messageOf } from "../core/errors.ts";
import { compareResults, readResult } from "../webbench/compare.ts";
import { csvReport } from "../webbench/csv-report.ts";
import { FIGURES } from "../webbench/figure-names.ts";
import { LiveView } from "../webbench/live-view.ts";
import { checkOpenFiles, openFilesMax } from "../webbench/open-files.ts";
import { LoadRun, type RunOutcome } from "../webbench/run-load.ts";
import { resultOf, type RunResult } from "../webbench/run-result.ts";
import { probeServer, resolveOrigin } from "../webbench/server-probe.ts";
import { headerText, textReport } from "../webbench/text-report.ts";
import { brokenThresholds } from "../webbench/thresholds.ts";
import { failureText } from "./failure.ts";
import { formatLetters } from "./letter-options.ts";
import {
  parseWebbenchArguments,
  type WebbenchReports,
  type WebbenchRun,
} from "./webbench-arguments.ts";
import { ownCommand } from "./webbench-load-process.ts";
import { CLASSIC_OPTIONS, LOAD_OPTIONS, REPORT_OPTIONS } from "./webbench-options.ts";

export const EXIT_PROCESS = 3;
export const EXIT_NO_SUCCESS = 4;
export const EXIT_THRESHOLD = 99;
export const EXIT_INTERRUPTED = 130;

const HELP_COLUMNS = 90;

const USAGE = `usage: millrace webbench [options] [WEIGHT=]URL...

  millrace webbench -c 1000 -t 10 http://127.0.0.1:8080/        as webbench 1.5
  millrace webbench -k -c 100 -t 10 http://127.0.0.1:8080/      kept connections
  millrace webbench -R 5000 -c 100 -t 10 http://127.0.0.1:8080/ 5000 requests/s, come what may
  millrace webbench --frame 4 --payload hello -t 10 tcp://127.0.0.1:9000

options of webbench 1.5 (defaults in parentheses):
${formatLetters(CLASSIC_OPTIONS)}

options of the load:
${formatLetters(LOAD_OPTIONS)}

options of the reports:
${formatLetters(REPORT_OPTIONS)}

figures of --fail-if and --compare:
${figureLines()}

With classic options only, every request has its own connection.
Exit codes: 0 measured, 1 server not on-line, 2 bad parameter, 3 a load process failed,
4 not one request succeeded, 99 a --fail-if came true, 130 interrupted.`;

/** Names in lines of a terminal's width. */
function figureLines(): string {
  const lines: string[] = [];
  for (const { name } of FIGURES) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length > HELP_COLUMNS) lines.push(`  ${name}`);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines.join(",\n");
}

export async function webbenchCommand(args: readonly string[]): Promise<void> {
  if (args.length === 0) {
    process.stderr.write(`${USAGE}\n`);
    process.exitCode = 2;
    return;
  }
  const parsed = parseWebbenchArguments(args);
  switch (parsed.command) {
    case "help":
      process.stdout.write(`${USAGE}\n`);
      return;
    case "version":
      process.stdout.write(`1.5 (millrace ${packageJson.version})\n`);
      return;
    case "compare":
      process.stdout.write(
        compareResults(readResult(parsed.files[0]), readResult(parsed.files[1])),
      );
      return;
    default:
      process.exitCode = await bench(parsed.run, parsed.reports);
  }
}

async function bench(run: WebbenchRun, reports: WebbenchReports): Promise<number> {
  checkOpenFiles(run.plan.clients, run.processes, openFilesMax());
  const write = reportWriter(reports);
  write(headerText(run));
  const plan = { ...run.plan, origins: await Promise.all(run.plan.origins.map(resolveOrigin)) };
  for (const origin of plan.origins) await probeServer(origin, plan.connectTimeoutMs);
  const view = new LiveView({
    runMs: plan.warmUpMs + plan.durationMs,
    count: plan.count,
    warmUpMs: plan.warmUpMs,
    terminal: process.stderr.isTTY && !reports.quiet ? process.stderr : null,
  });
  const load = new LoadRun({
    plan,
    processes: run.processes,
    command: ownCommand(),
    onProgress: (totals) => view.show(totals),
  });
  const outcome = await interruptible(load).catch((error: unknown) => {
    process.stderr.write(failureText(error));
    return null;
  });
  view.clear();
  if (outcome === null) return EXIT_PROCESS;
  const result = resultOf(outcome, run.settings);
  write(textReport(result));
  await saveReports(result, reports);
  return judge(result, reports);
}

/** Where the report for people goes: not among what a program will read. */
function reportWriter(reports: WebbenchReports): (text: string) => void {
  if (reports.quiet) return () => undefined;
  const isTaken = reports.json === "-" || reports.csv === "-";
  return (text) => void (isTaken ? process.stderr : process.stdout).write(text);
}

async function interruptible(load: LoadRun): Promise<RunOutcome> {
  const onSignal = (): void => load.interrupt();
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await load.run();
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

async function saveReports(result: RunResult, { json, csv, html }: WebbenchReports): Promise<void> {
  if (json !== null) save(json, `${JSON.stringify(result, null, 1)}\n`);
  if (csv !== null) save(csv, csvReport(result));
  if (html === null) return;
  const { htmlReport } = await import("../webbench/html-report.ts");
  save(html, htmlReport(result));
}

function save(path: string, text: string): void {
  if (path === "-") return void process.stdout.write(text);
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new MillraceError("ERR_USAGE", `Cannot write "${path}": ${messageOf(error)}`, error);
  }
}

/** The exit code, with its reason on standard error. */
function judge(result: RunResult, { thresholds }: WebbenchReports): number {
  const { requests, generator, interrupted } = result;
  const broken = brokenThresholds(thresholds, result);
  for (const reason of broken) complain(`failed ${reason}`);
  if (broken.length > 0) return EXIT_THRESHOLD;
  for (const reason of generator.lost) complain(reason);
  if (generator.lost.length > 0) return EXIT_PROCESS;
  if (interrupted) return EXIT_INTERRUPTED;
  if (requests.succeeded > 0) return 0;
  complain(`not one request succeeded (${requests.failed} failed, ${requests.cutOff} cut off)`);
  return EXIT_NO_SUCCESS;
}

function complain(text: string): void {
  process.stderr.write(failureText(new Error(text)));
}
