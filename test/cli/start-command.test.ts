// The command itself is tested as a process in test/integration; here is only what starts nothing.

import { expect, spyOn, test } from "bun:test";
import { startCommand } from "../../src/cli/start-command.ts";

test("startCommand explains itself, whatever else is said", async () => {
  const write = spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await startCommand(["--port", "nonsense", "--help"]);
    await startCommand(["-h"]);
    expect(write).toHaveBeenCalledTimes(2);
    expect(write.mock.calls[0]![0]).toContain("--drain-timeout TIME");
  } finally {
    write.mockRestore();
  }
});

test("startCommand refuses before anything is started", async () => {
  await expect(startCommand(["--workers", "none"])).rejects.toThrow("--workers:");
  await expect(startCommand(["/no/such/folder"])).rejects.toThrow("no such file or folder");
});
