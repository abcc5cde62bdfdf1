import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { LoopBridge } from "../../../src/net/uring/loop-bridge.ts";
import { OP_NOP } from "../../../src/net/uring/ring-abi.ts";
import { Ring } from "../../../src/net/uring/ring.ts";
import { calls, isSupported, until } from "./ring-world.ts";

interface Bridged {
  readonly ring: Ring;
  readonly bridge: LoopBridge;
  wakes: number;
}

const open: Bridged[] = [];
afterEach(() => {
  for (const bridged of open.splice(0)) close(bridged);
});

async function bridged(): Promise<Bridged> {
  const ring = Ring.open(calls, 8, 16);
  const onWake = (): void => {
    made.wakes++;
    while (ring.next());
    made.bridge.rearm();
    ring.submit();
  };
  const made: Bridged = { ring, bridge: await LoopBridge.open(calls, ring, onWake), wakes: 0 };
  open.push(made);
  return made;
}

function close({ ring, bridge }: Bridged): void {
  bridge.close();
  calls.close(bridge.farFd);
  ring.close();
}

function complete({ ring }: Bridged): void {
  ring.push(OP_NOP, -1, 0, 0, 0, 1, 0, 0);
  ring.submit();
}

const SOURCE = "../../../src/net/uring";
const FAILING = `
  import { LoopBridge } from "${SOURCE}/loop-bridge.ts";
  import { loadRingCalls } from "${SOURCE}/ring-calls.ts";
  import { Ring } from "${SOURCE}/ring.ts";
  process.on("uncaughtException", (error) => { console.log(String(error)); process.exit(1); });
  const calls = loadRingCalls();
  const ring = Ring.open(calls, 8, 16);
  await LoopBridge.open(calls, ring, () => { throw new Error("the handler failed"); });
  ring.push(0, -1, 0, 0, 0, 1, 0, 0);
  ring.submit();
`;

/** Everything that epoll instances of this process wait for. */
function registrations(): string[] {
  return readdirSync("/proc/self/fdinfo").flatMap((name) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${name}`, "latin1").match(/^tfd:.*$/gm) ?? [];
    } catch {
      return [];
    }
  });
}

describe.skipIf(!isSupported)("LoopBridge", () => {
  test("wakes the loop once for what has completed, as often as something does", async () => {
    const one = await bridged();
    for (let times = 1; times <= 50; times++) {
      complete(one);
      complete(one);
      await until(() => one.wakes === times, "a wake-up");
    }
  });

  test("lets the loop sleep when nothing completes", async () => {
    const one = await bridged();
    complete(one);
    await until(() => one.wakes === 1, "a wake-up");
    const other = await bridged();
    for (let times = 1; times <= 20; times++) {
      complete(other);
      await until(() => other.wakes === times, "a wake-up of the other");
    }
    expect(one.wakes).toBe(1);
  });

  test("what fails in a turn is told as it is", () => {
    // In a process of its own: an error that nobody catches would fail this test.
    const { stdout } = Bun.spawnSync([process.execPath, "-e", FAILING], { cwd: import.meta.dir });
    expect(stdout.toString()).toBe("Error: the handler failed\n");
  });

  test("leaves nothing behind", async () => {
    const before = registrations().length;
    for (let times = 0; times < 20; times++) {
      close(await bridged());
      open.length = 0;
    }
    await until(() => registrations().length <= before, "the end of the registrations");
  });

  test("says why there can be none", async () => {
    const ring = Ring.open(calls, 8, 16);
    const broken = { ...calls, socketpair: () => -1 };
    await expect(LoopBridge.open(broken, ring, () => {})).rejects.toThrow("socketpair: ");
    const deaf = { ...calls, dup3: () => -1 };
    await expect(LoopBridge.open(deaf, ring, () => {})).rejects.toThrow("dup3: ");
    ring.close();
  });
});
