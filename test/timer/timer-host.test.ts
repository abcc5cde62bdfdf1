import { expect, test } from "bun:test";
import { systemTimerHost, unrefTimerHost } from "../../src/timer/timer-host.ts";

/** What a program prints that waits for one timer and has nothing else to do. */
async function output(host: string): Promise<string> {
  const program = `
    import * as hosts from "./src/timer/timer-host.ts";
    hosts.${host}.setTimer(() => console.log("fired"), 20);`;
  const command = [process.execPath, "-e", program];
  const child = Bun.spawn(command, { cwd: `${import.meta.dir}/../..`, stderr: "inherit" });
  return new Response(child.stdout).text();
}

test("a waiting timer keeps the process alive, unless it is of unrefTimerHost", async () => {
  const outputs = await Promise.all([output("systemTimerHost"), output("unrefTimerHost")]);
  expect(outputs).toEqual(["fired\n", ""]);
});

test("a timer that is cleared does not call back", async () => {
  for (const host of [systemTimerHost, unrefTimerHost]) {
    const fired: string[] = [];
    const first = host.setTimer(() => fired.push("first"), 1);
    host.clearTimer(first);
    await new Promise<void>((resolve) => {
      systemTimerHost.setTimer(resolve, 5);
    });
    expect(fired).toEqual([]);
  }
});

test("the next turn comes after the code that asked for it", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemTimerHost.nextTurn(() => {
      order.push("turn");
      resolve();
    });
    order.push("asked");
  });
  expect(order).toEqual(["asked", "turn"]);
});
