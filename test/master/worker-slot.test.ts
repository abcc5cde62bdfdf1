import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/core/log.ts";
import { SocketTable } from "../../src/master/socket-table.ts";
import { WorkerSlot } from "../../src/master/worker-slot.ts";
import { resolveSettings } from "../../src/server/settings.ts";
import { StatsBoard } from "../../src/thread/stats-board.ts";
import { Turnstile } from "../../src/thread/turnstile.ts";

setDefaultTimeout(30_000); // threads and processes: slow on a busy machine

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
const slots: WorkerSlot[] = [];
let files = 0;

class Harness {
  readonly events: string[] = [];
  readonly tally: string = join(folder, `tally ${(files += 1)}`);
  readonly failOnce: string = join(folder, `fail ${files}`);
  readonly slot: WorkerSlot;
  readonly sockets: SocketTable = new SocketTable({ slotCount: 1, backlog: 8, log: silentLog });
  port = 0;
  private generation = 0;

  constructor() {
    const settings = resolveSettings({ workers: 1 }, { processors: 1, fdLimit: 1000 });
    const query = new URLSearchParams({ tally: this.tally, "fail-once": this.failOnce });
    this.slot = new WorkerSlot({
      index: 0,
      loading: new Turnstile(),
      plan: () => ({
        entry: new URL("../support/fake-worker.ts", import.meta.url),
        source: { kind: "module", url: `file:///x?${query}` },
        settings,
        logLevel: "silent",
        generation: (this.generation += 1),
        board: new StatsBoard(),
      }),
      grant: async (specs, slot) => {
        const endpoints = await this.sockets.open(specs);
        const { address } = endpoints[0]!;
        this.port = address.kind === "inet" ? address.port : 0;
        return this.sockets.grants(endpoints, slot);
      },
      onReady: ({ current }) => void this.events.push(`ready ${current?.generation}`),
      onDeath: ({ current }, reason) => void this.events.push(`death ${current} ${reason}`),
    });
    slots.push(this.slot);
  }

  get loadCount(): number {
    return readFileSync(this.tally, "utf8").split("\n").length - 1;
  }

  get generations(): number[] {
    return this.slot.lives.map(({ generation }) => generation);
  }

  async ask(path: string): Promise<void> {
    const handlers = { data: () => undefined };
    const target = { hostname: "127.0.0.1", port: this.port, socket: handlers };
    (await Bun.connect(target)).write(`GET ${path} HTTP/1.1\r\n\r\n`);
  }
}

afterEach(() => Promise.all(slots.splice(0).map((slot) => slot.close())));

describe("WorkerSlot", () => {
  test("is filled once, however often that is asked for", async () => {
    const { slot, events, loadCount } = await filled();
    await Promise.all([slot.fill(), slot.fill()]);
    expect(events).toEqual(["ready 1"]);
    expect(loadCount).toBe(1);
  });

  test("replaces its worker: the new one serves before the old one leaves", async () => {
    const harness = await filled();
    const old = harness.slot.current!;
    let stateOfOld = "";
    void harness.slot.replace(1, 1_000).then(() => (stateOfOld = old.state));
    while (harness.slot.current === old) {
      expect(old.state).toBe("ready");
      await Bun.sleep(1);
    }
    await old.ended;
    expect(stateOfOld).toBe("leaving");
    expect(harness.generations).toEqual([2]);
  });

  test("keeps its worker when the new one cannot start", async () => {
    const harness = await filled();
    writeFileSync(harness.failOnce, "");
    await expect(harness.slot.replace(1, 1_000)).rejects.toThrow("failed once");
    expect(harness.slot.current?.generation).toBe(1);
    await harness.slot.replace(1, 1_000);
    expect(harness.slot.current?.generation).toBe(3);
    await harness.slot.settled();
    expect(harness.generations).toEqual([3]);
  });

  test("is empty after a death, says so once, and can be filled again", async () => {
    const harness = await filled();
    const life = harness.slot.current!;
    await harness.ask("/exit/4");
    await life.ended;
    expect(harness.events).toEqual(["ready 1", "death null process.exit(4)"]);
    expect(harness.slot.current).toBeNull();
    await harness.slot.fill();
    expect(harness.events.at(-1)).toBe("ready 2");
  });

  test("takes the replacement for a worker that dies while it is being replaced", async () => {
    const harness = await filled();
    const replaced = harness.slot.replace(1, 1_000);
    await harness.ask("/exit/4");
    const refilled = harness.slot.fill();
    await Promise.all([replaced, refilled]);
    expect(harness.slot.current?.generation).toBe(2);
    await harness.slot.settled();
    expect(harness.generations).toEqual([2]);
  });

  test("lets go of every life at once, also of the one that still loads", async () => {
    const harness = await filled();
    const replaced = harness.slot.replace(1, 1_000).catch((error: Error) => error.message);
    while (harness.generations.length < 2) await Bun.sleep(0);
    await harness.slot.leave(1, 1_000);
    expect(await replaced).toBe("the worker was told to leave");
    await expect(harness.slot.fill()).rejects.toThrow("the server stops");
  });
});

async function filled(): Promise<Harness> {
  const harness = new Harness();
  await harness.slot.fill();
  return harness;
}
