// The command as a process is in test/integration; here is only what makes no load.

import { expect, spyOn, test } from "bun:test";
import { webbenchCommand } from "../../src/cli/webbench-command.ts";
import { closedPort } from "../webbench/load-world.ts";

test("webbenchCommand explains itself", async () => {
  const write = spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await webbenchCommand(["--help"]);
    await webbenchCommand(["--version"]);
    expect(write.mock.calls[0]![0]).toContain("-c, --clients N");
    expect(write.mock.calls[0]![0]).toContain("p99, p99.9, max,");
    const longest = Math.max(
      ...String(write.mock.calls[0]![0])
        .split("\n")
        .map((l) => l.length),
    );
    expect(longest).toBeLessThanOrEqual(100);
    expect(write.mock.calls[1]![0]).toMatch(/^1\.5 \(millrace \d/);
  } finally {
    write.mockRestore();
  }
});

test("webbenchCommand refuses before anything is started", async () => {
  await expect(webbenchCommand(["--clients", "0", "http://h/"])).rejects.toThrow("--clients:");
  await expect(webbenchCommand(["ftp://h/"])).rejects.toThrow("only http, https and tcp");
  const many = ["-q", "-c", "1000000", "-P", "1", "http://127.0.0.1/"];
  await expect(webbenchCommand(many)).rejects.toThrow("open files are needed");
  const closed = `http://127.0.0.1:${await closedPort()}/`;
  await expect(webbenchCommand(["-q", closed])).rejects.toThrow("connection refused");
});
