// A simulated http listener that keeps an access log in a file of its own, and counts like any.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COUNT_LOG_LINES_LOST } from "../../src/core/counters.ts";
import { createLog } from "../../src/core/log.ts";
import { AccessLogFiles } from "../../src/server/access-log-file.ts";
import { TopicChannel } from "../../src/server/channel.ts";
import type { RequestLogOptions } from "../../src/server/access-log-options.ts";
import { AccessLog } from "../../src/server/access-log.ts";
import { HttpApplication } from "../../src/server/http-application.ts";
import type { HttpLimits } from "../../src/server/http-limit-options.ts";
import type { HttpListenerOptions, RouteHandler } from "../../src/server/service.ts";
import { HttpWorld, SETTINGS } from "./http-world.ts";

/** A line of the JSON format. */
export interface LoggedRequest {
  time: string;
  id: string;
  worker: number;
  connection: string;
  remote: string;
  method?: string;
  path?: string;
  query?: string;
  line?: string;
  host?: string;
  status: number;
  bytes_in: number;
  bytes_out: number;
  duration_ms: number;
  referer?: string;
  user_agent?: string;
  complete: boolean;
}

export class AccessLogWorld extends HttpWorld {
  override readonly application: HttpApplication;
  readonly path: string;
  private readonly folder: string;
  private readonly files: AccessLogFiles;

  constructor(
    handlers: HttpListenerOptions | RouteHandler,
    log: RequestLogOptions = {},
    settings: Partial<HttpLimits> = {},
  ) {
    const options = typeof handlers === "function" ? { routes: { "/*": handlers } } : handlers;
    super(options, settings);
    this.folder = mkdtempSync(join(tmpdir(), "millrace-log-"));
    this.path = join(this.folder, "access.log");
    const lines = createLog({ write: (line) => void this.log.push(line) });
    this.files = new AccessLogFiles(lines, (lost) => {
      this.counters[COUNT_LOG_LINES_LOST]! += lost;
    });
    const all = { ...SETTINGS, ...settings };
    const { reactor, files } = this;
    const context = { reactor, log: lines, files, workerIndex: 3, bodyBytesMax: all.bodyBytesMax };
    const accessLog = AccessLog.of(
      { accessLog: { file: this.path, format: "json" } },
      log,
      context,
    );
    const worker = { index: 3, workers: 4, channel: new TopicChannel(() => {}) };
    this.application = new HttpApplication(options, all, reactor, lines, worker, accessLog);
  }

  /** Everything that was logged, and the end of the log. */
  async text(): Promise<string> {
    this.application.close();
    await this.files.close();
    const text = readFileSync(this.path, "latin1");
    rmSync(this.folder, { recursive: true });
    return text;
  }

  async lines(): Promise<LoggedRequest[]> {
    const lines = (await this.text()).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LoggedRequest);
  }
}
