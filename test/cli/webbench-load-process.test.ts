import { expect, test } from "bun:test";
import { LOAD_PROCESS, ownCommand } from "../../src/cli/webbench-load-process.ts";
import { OK, ScriptedServer, shareFor } from "../webbench/load-world.ts";

test("ownCommand starts this program again", () => {
  const command = ownCommand();
  expect(command[0]).toBe(process.execPath);
  expect(command.at(1)).toEndWith("src/cli/main.ts");
  expect(command.slice(2)).toEqual(["webbench", LOAD_PROCESS]);
});

test("loadProcess speaks lines of JSON, and is not ended by Ctrl-C", async () => {
  const server = await ScriptedServer.answering(OK);
  const child = Bun.spawn(ownCommand(), { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  child.stdin.write(`${JSON.stringify(shareFor(server.origin, { count: 12 }))}\nstart\n`);
  child.stdin.flush();
  while (server.requests === 0) await Bun.sleep(5);
  child.kill("SIGINT");
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  await child.exited;
  expect(child.exitCode).toBe(0);
  expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(
    expect.arrayContaining(["ready", "counts", "done"]),
  );
  expect(server.requests).toBe(12);
  server.stop();
});
