// Programs of others that the server is tried with. A test whose program is not on this machine
// says so loudly and is skipped: a green run must not hide what it did not do.

export interface ToolRun {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const RUN_TIMEOUT_MS = 20_000;

/** Whether it is there; complains on standard error if not. For test.skipIf(!hasTool(...)). */
export function hasTool(name: string, debianPackage: string): boolean {
  if (Bun.which(name) !== null) return true;
  console.error(`MISSING: ${name} (apt-get install ${debianPackage}): its tests are skipped`);
  return false;
}

/** Runs it to its end; it is killed if that does not come. */
export async function runTool(
  command: readonly string[],
  input: Uint8Array = new Uint8Array(),
): Promise<ToolRun> {
  const child = Bun.spawn([...command], {
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
    timeout: RUN_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.bytes(),
    child.stderr.text(),
    child.exited,
  ]);
  return { code, stdout: Buffer.from(stdout), stderr };
}
