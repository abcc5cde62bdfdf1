import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MillraceError } from "../../src/core/errors.ts";
import { createLog } from "../../src/core/log.ts";
import { Master } from "../../src/master/master.ts";
import { resolveSettings } from "../../src/server/settings.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
const masters: Master[] = [];

class Harness {
  readonly lines: string[] = [];
  readonly failures: MillraceError[] = [];
  readonly master: Master;

  constructor(query: Record<string, string> = {}, workers = 2) {
    this.master = new Master({
      source: { kind: "module", url: `file:///x?${new URLSearchParams(query)}` },
      settings: resolveSettings({ workers }, { processors: 1, fdLimit: 1000 }),
      log: createLog({ write: (line) => void this.lines.push(line.slice(25).trimEnd()) }),
      logLevel: "silent",
      onFailure: (error) => void this.failures.push(error),
      entry: new URL("../support/fake-worker.ts", import.meta.url),
    });
    masters.push(this.master);
  }

  get port(): number {
    const address = this.master.endpoints[0]?.address;
    return address?.kind === "inet" ? address.port : -1;
  }

  /** "worker life", or the failure. */
  async ask(path = "/"): Promise<string> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { keepalive: false });
      return await answer.text();
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  logged(text: string): boolean {
    return this.lines.some((line) => line.includes(text));
  }

  async untilLogged(text: string): Promise<void> {
    while (!this.logged(text)) await Bun.sleep(1);
  }
}

async function started(query: Record<string, string> = {}, workers = 2): Promise<Harness> {
  const harness = new Harness(query, workers);
  await harness.master.start();
  return harness;
}

afterEach(() => Promise.all(masters.splice(0).map((master) => master.close())));

describe("Master", () => {
  test("starts a worker in every slot, and stops without leaving a descriptor", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const { master, port, ask } = await started();
    expect(master.readyCount).toBe(2);
    expect(port).toBeGreaterThan(0);
    expect(master.stats().workers.map(({ state }) => state)).toEqual(["ready", "ready"]);
    await ask.call({ port });
    await master.stop();
    expect(master.stats().workers).toEqual([]);
    const leaked = () => readdirSync("/proc/self/fd").length - before;
    while (leaked() > 0) await Bun.sleep(1); // the client's side closes in its own time
  });

  test("tells at once what is wrong with a module or an address", async () => {
    for (const [query, code] of [
      [{ load: "throw" }, "ERR_MODULE"],
      [{ load: "module" }, "ERR_MODULE"],
      [{ port: "70000" }, "ERR_LISTEN"],
    ] as const) {
      const { master, lines } = new Harness(query);
      const error = await master.start().catch((reason: unknown) => reason);
      expect((error as MillraceError).code).toBe(code);
      expect(lines).toEqual([]);
    }
  });

  test("gives up after three attempts to start, with the last reason", async () => {
    const { master, lines } = new Harness({ setup: "throw" }, 3);
    await expect(master.start()).rejects.toThrow(
      "Cannot start worker 0 (3 attempts): Error: no database",
    );
    expect(lines.length).toBe(2); // one for each attempt that was not the last
  });

  test("tries again when a worker fails to start once", async () => {
    const failOnce = join(folder, "later");
    const harness = await started({ "fail-once": failOnce }, 1);
    writeFileSync(failOnce, "");
    await harness.ask("/exit/1");
    await harness.untilLogged("serves again");
    expect(harness.logged("cannot start: Error: failed once")).toBe(true);
    expect(await harness.ask()).toStartWith("0 ");
  });

  test("replaces a dead worker, and connections wait for it meanwhile", async () => {
    const harness = await started({}, 1);
    const before = await harness.ask();
    const killer = harness.ask("/exit/9");
    await harness.untilLogged("died: process.exit(9); respawning at once");
    const after = await harness.ask(); // sent while nobody serves
    expect(after).toStartWith("0 ");
    expect(after).not.toBe(before);
    await killer;
  });

  test("reports the end when no worker can be started any more, and closes all", async () => {
    const failWhile = join(folder, "for good");
    const harness = await started({ "fail-while": failWhile }, 1);
    const { port } = harness;
    writeFileSync(failWhile, "");
    await harness.ask("/exit/1");
    while (harness.failures.length === 0) await Bun.sleep(1);
    expect(harness.failures[0]?.message).toStartWith(
      "Cannot start worker 0 (3 attempts): Error: fails for now",
    );
    const target = { hostname: "127.0.0.1", port, socket: { data: () => undefined } };
    await expect(Bun.connect(target)).rejects.toThrow();
  });

  test("reloads all workers, one after the other", async () => {
    const harness = await started();
    const lives = new Set<string>();
    for (let i = 0; i < 40; i += 1) lives.add(await harness.ask());
    await harness.master.reload();
    for (let i = 0; i < 20; i += 1) expect(lives).not.toContain(await harness.ask());
    expect(harness.lines).toEqual([
      "info reload: replacing the workers one by one",
      "info reload: done",
    ]);
  });

  test("makes one reload of those that are asked for while one runs", async () => {
    const harness = await started({}, 1);
    const reloads = Array.from({ length: 5 }, () => harness.master.reload());
    await reloads[0];
    expect(new Set(reloads).size).toBeLessThanOrEqual(2);
    const more = Array.from({ length: 5 }, () => harness.master.reload());
    await Promise.all([...reloads, ...more]);
    const generation = harness.master.stats().workers.map((worker) => worker.generation);
    expect(Math.max(...generation)).toBeLessThanOrEqual(4);
  });

  test("keeps the old workers when new ones cannot start", async () => {
    const failOnce = join(folder, "reload");
    const harness = await started({ "fail-once": failOnce });
    const before = await harness.ask();
    writeFileSync(failOnce, "");
    await expect(harness.master.reload()).rejects.toThrow(
      /^Reload ended at worker 0, the old one serves on: Error: failed once at /,
    );
    const lives = new Set<string>();
    for (let i = 0; i < 40; i += 1) lives.add(await harness.ask());
    expect(lives).toContain(before);
    await harness.master.reload();
    expect(await harness.ask()).not.toBe(before);
  });

  test("refuses to reload before it has started and when it stops", async () => {
    const { master } = new Harness();
    await expect(master.reload()).rejects.toThrow("it has not started yet");
    const running = await started({}, 1);
    const stopping = running.master.stop();
    await expect(running.master.reload()).rejects.toThrow("it stops");
    await stopping;
  });

  test("stops in the middle of anything", async () => {
    const starting = new Harness();
    const start = starting.master.start();
    await Bun.sleep(1);
    await Promise.all([starting.master.stop(), start]);
    const reloading = await started();
    const reload = reloading.master.reload().catch((error: MillraceError) => error.code);
    await reloading.master.stop();
    expect(await reload).toBe("ERR_CLOSED");
    const backingOff = await started({}, 1);
    for (let i = 0; i < 3; i += 1) {
      await backingOff.ask("/exit/1");
      if (i < 2) while (backingOff.master.readyCount === 0) await Bun.sleep(1);
    }
    await backingOff.master.stop();
    expect(backingOff.failures).toEqual([]);
  });
});
