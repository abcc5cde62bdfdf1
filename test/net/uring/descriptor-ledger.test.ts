import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import {
  closeOrphans,
  DescriptorLedger,
  LEDGER_FDS_MAX,
} from "../../../src/net/uring/descriptor-ledger.ts";
import { Client, isSupported, RingWorld, until } from "./ring-world.ts";

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

describe("DescriptorLedger", () => {
  test("notes descriptors, the largest ones too, for everyone who has the memory", () => {
    const ledger = new DescriptorLedger();
    const other = new DescriptorLedger(ledger.memory);
    for (const fd of [0, 31, 32, 63, LEDGER_FDS_MAX - 1]) {
      ledger.add(fd);
      expect([other.has(fd), other.has(fd ^ 1)]).toEqual([true, false]);
      ledger.remove(fd);
      expect(other.has(fd)).toBe(false);
    }
  });

  test("without a ring closes nothing: nothing is its own", () => {
    const ledger = new DescriptorLedger();
    const fd = openSync("/dev/null", "r");
    ledger.add(fd);
    expect(ledger.closeAll()).toEqual([]);
    expect(isOpen(fd)).toBe(true);
    closeSync(fd);
  });
});

describe.skipIf(!isSupported)("DescriptorLedger of a worker that is given orphans", () => {
  const orphan = { listener: 2, fd: -1 };
  afterEach(() => {
    if (isOpen(orphan.fd)) closeSync(orphan.fd);
  });

  function give(): DescriptorLedger {
    orphan.fd = openSync("/dev/null", "r");
    return new DescriptorLedger();
  }

  test("gives back what it did not take over", () => {
    expect(give().closeAll([orphan])).toEqual([orphan]);
    expect(isOpen(orphan.fd)).toBe(true);
  });

  test("also when it ended while it did: they are not closed", () => {
    const ledger = give();
    ledger.add(orphan.fd);
    expect(ledger.closeAll([orphan])).toEqual([orphan]);
    expect(isOpen(orphan.fd)).toBe(true);
  });

  test("closes what it took over and had open, without a ring too", () => {
    const ledger = give();
    ledger.inherit([orphan]);
    expect(ledger.closeAll([orphan])).toEqual([]);
    expect(isOpen(orphan.fd)).toBe(false);
  });

  test("does not close again what it took over and closed, nor hand it on", () => {
    const ledger = give();
    ledger.inherit([orphan]);
    ledger.closeAll(); // by itself, at its end
    orphan.fd = openSync("/dev/null", "r");
    expect(ledger.closeAll([orphan])).toEqual([]);
    expect(isOpen(orphan.fd)).toBe(true);
  });
});

describe.skipIf(!isSupported)("DescriptorLedger of a worker that died", () => {
  let world: RingWorld | null = null;
  afterEach(() => {
    // Its ring is gone: only what is not the ring's can be closed.
    if (world?.listening.isOpen === true) world.listening.close();
    world = null;
  });

  /** As a thread ends: nothing of the transport runs any more. */
  function kill(dead: RingWorld): void {
    Reflect.get(dead.transport, "bridge").close();
    Object.assign(dead.transport, { closed: true });
  }

  test("closes its sockets, its listening sockets and its ring, once", async () => {
    const ledger = new DescriptorLedger();
    world = await RingWorld.open({ ledger });
    world.listen();
    const { client, served } = await world.connect();
    const { fd } = served.socket;
    expect(ledger.has(fd)).toBe(true);
    kill(world);
    const master = new DescriptorLedger(ledger.memory);
    expect(master.closeAll()).toEqual([]);
    expect([isOpen(fd), ledger.has(fd)]).toEqual([false, false]);
    await until(() => client.state === "end", "the end of the client");
    const mine = openSync("/dev/null", "r"); // may well have the same number
    expect(master.closeAll()).toEqual([]);
    expect(isOpen(mine)).toBe(true);
    closeSync(mine);
  });

  test("hands over what was accepted and never seen, with the listener's label", async () => {
    const ledger = new DescriptorLedger();
    world = await RingWorld.open({ ledger });
    world.listen(3);
    await world.connect();
    kill(world); // its loop stands still: completions wait
    const client = new Client(world.port);
    client.socket.write("hello");
    const ring = Reflect.get(world.transport, "ring");
    await until(() => ring.hasCompletions, "an accept in the kernel");
    const orphans = new DescriptorLedger(ledger.memory).closeAll();
    expect(orphans.map(({ listener }) => listener)).toEqual([3]);
    expect(isOpen(orphans[0]!.fd)).toBe(true);

    const heir = await RingWorld.open();
    heir.transport.adopt(orphans[0]!.fd, heir.handlers());
    await until(() => heir.served[0]?.text === "hello", "what the client had sent");
    heir.served[0]!.stage("welcome");
    await until(() => client.text === "welcome", "the answer");
    heir.close();
    client.socket.destroy();
  });

  test("orphans that nobody wants are closed", () => {
    const fd = openSync("/dev/null", "r");
    closeOrphans([{ listener: 0, fd }]);
    expect(isOpen(fd)).toBe(false);
  });
});
