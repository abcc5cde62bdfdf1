import { afterEach, describe, expect, test } from "bun:test";
import { startAdmin, type AdminEndpoint } from "../../src/master/admin.ts";
import type { ServerStats, WorkerStats } from "../../src/master/server-stats.ts";

const worker = (index: number, state: WorkerStats["state"]): WorkerStats => {
  return { index, generation: index + 1, state, counters: { open: 1 } };
};

class Target {
  isStopping = false;
  workers: WorkerStats[] = [worker(0, "ready"), worker(1, "ready")];
  readonly settings = { workers: 2 };
  stats(): ServerStats {
    return { uptimeMs: 5, workers: this.workers, totals: { accepted: 3 } };
  }
}

let endpoint: AdminEndpoint;
const target = new Target();
const get = (path: string, init?: RequestInit) =>
  fetch(`http://${endpoint.host}:${endpoint.port}${path}`, init);

afterEach(() => endpoint.stop());

function start(): void {
  endpoint = startAdmin("127.0.0.1", 0, target);
}

describe("startAdmin", () => {
  test("shows the stats as JSON and for Prometheus", async () => {
    start();
    const stats = (await (await get("/stats")).json()) as ServerStats & { pid: number };
    expect(stats.totals["accepted"]).toBe(3);
    expect(stats.workers.length).toBe(2);
    expect(stats.pid).toBe(process.pid);
    const metrics = await get("/metrics?x=1");
    expect(metrics.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    expect(await metrics.text()).toContain("millrace_accepted_total 3\n");
  });

  test("is healthy only while all workers serve", async () => {
    start();
    expect((await get("/healthz")).status).toBe(200);
    target.workers = [worker(0, "ready"), worker(1, "loading")];
    const limping = await get("/healthz");
    expect([limping.status, await limping.text()]).toEqual([503, "1 of 2 workers serve\n"]);
    target.workers = [worker(0, "leaving"), worker(0, "ready"), worker(1, "ready")];
    expect((await get("/healthz")).status).toBe(200);
    target.isStopping = true;
    const stopping = await get("/healthz");
    expect([stopping.status, await stopping.text()]).toEqual([503, "stopping\n"]);
    target.isStopping = false;
  });

  test("changes nothing and knows nothing else", async () => {
    start();
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await get("/stats", { method });
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    }
    expect((await get("/")).status).toBe(404);
    expect((await get("/stats/../../etc/passwd")).status).toBe(404);
    const head = await get("/stats", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("refuses an address that is taken", () => {
    start();
    expect(() => startAdmin("127.0.0.1", endpoint.port, target)).toThrow(
      `Cannot listen on 127.0.0.1:${endpoint.port}: `,
    );
  });
});
