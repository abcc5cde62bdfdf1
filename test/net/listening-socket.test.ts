import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { loadLibc } from "../../src/net/libc.ts";
import { duplicateDescriptor, ListeningSocket } from "../../src/net/listening-socket.ts";
import type { InetAddress, SocketAddress } from "../../src/net/socket-address.ts";

const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);
const inet = (host: string, port: number, ipv6Only = false): InetAddress => {
  return { kind: "inet", host, port, ipv6Only };
};
const loopback = (port: number) => inet("127.0.0.1", port);
const folder = mkdtempSync(join(tmpdir(), "millrace-"));
const opened: ListeningSocket[] = [];

function open(address: SocketAddress, join = false): ListeningSocket {
  const socket = ListeningSocket.open(address, { backlog: 16, join });
  opened.push(socket);
  return socket;
}

function portOf(socket: ListeningSocket): number {
  return (socket.address as InetAddress).port;
}

/** Accepts through a dup, as a worker does; counts what came. */
function lend(socket: ListeningSocket): { count: () => number; stop: () => void } {
  let count = 0;
  const handler = {
    open: (accepted: Bun.Socket) => void ((count += 1), accepted.end()),
    data: () => undefined,
  };
  const options = { fd: duplicateDescriptor(socket.descriptor), socket: handler };
  const listener = Bun.listen(options as unknown as Bun.UnixSocketOptions);
  return { count: () => count, stop: () => listener.stop() };
}

function connect(to: { port: number; hostname?: string } | { unix: string }): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = {
    data: () => undefined,
    close: () => resolve("closed"),
    connectError: () => resolve("refused"),
  };
  const target = "unix" in to ? to : { hostname: "127.0.0.1", ...to };
  Bun.connect({ ...target, socket } as Bun.TCPSocketConnectOptions).catch(() => resolve("refused"));
  return promise;
}

afterEach(() => {
  for (const socket of opened.splice(0)) if (socket.isOpen) socket.close();
});

describe.skipIf(loadLibc() === null)("ListeningSocket", () => {
  test("reports the port that the kernel chose", () => {
    expect(portOf(open(loopback(0)))).toBeGreaterThan(0);
  });

  test("refuses a port that another server has", async () => {
    const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    expect(() => open(loopback(other.port))).toThrow(
      `Cannot listen on 127.0.0.1:${other.port}: address already in use (EADDRINUSE)`,
    );
    other.stop(true);
  });

  test("refuses a port that would only be shared by accident", () => {
    const first = open(loopback(0));
    expect(() => open(loopback(portOf(first)))).toThrow("EADDRINUSE");
  });

  test("refuses a port that the wildcard address covers", () => {
    const first = open(inet("0.0.0.0", 0));
    expect(() => open(loopback(portOf(first)))).toThrow("EADDRINUSE");
  });

  test("joins the first socket of its own server, and both get connections", async () => {
    const first = open(loopback(0));
    const second = open(first.address, true);
    const lent = [lend(first), lend(second)];
    for (let i = 0; i < 64; i += 1) await connect({ port: portOf(first) });
    const [a, b] = lent.map(({ count }) => count());
    lent.forEach(({ stop }) => stop());
    expect(a! + b!).toBe(64);
    expect(Math.min(a!, b!)).toBeGreaterThan(0); // 2^-63 that this is chance
  });

  test("keeps the queue while no worker has a dup", async () => {
    const socket = open(loopback(0));
    lend(socket).stop();
    const outcomes = [connect({ port: portOf(socket) }), connect({ port: portOf(socket) })];
    const worker = lend(socket);
    expect(await Promise.all(outcomes)).toEqual(["closed", "closed"]);
    expect(worker.count()).toBe(2);
    worker.stop();
  });

  test("refuses connections once it and every dup are closed", async () => {
    const socket = open(loopback(0));
    const worker = lend(socket);
    socket.close();
    expect(await connect({ port: portOf(socket) })).toBe("closed");
    worker.stop();
    expect(await connect({ port: portOf(socket) })).toBe("refused");
  });

  test("admits nobody any more, but hands over who waits already", async () => {
    const socket = open(loopback(0));
    const early = createConnection(portOf(socket), "127.0.0.1");
    await new Promise((resolve) => early.once("connect", resolve));
    socket.stopAdmitting();
    const late = createConnection(portOf(socket), "127.0.0.1");
    const events: string[] = [];
    for (const event of ["connect", "error"]) late.on(event, () => events.push(event));
    const worker = lend(socket);
    await new Promise((resolve) => early.once("close", resolve));
    expect(worker.count()).toBe(1);
    expect(events).toEqual([]); // neither let in nor turned away: it will try again
    late.destroy();
    worker.stop();
  });

  test("may have its port again while old connections linger", async () => {
    const socket = open(loopback(0));
    const worker = lend(socket);
    await connect({ port: portOf(socket) });
    worker.stop();
    socket.close();
    expect(portOf(open(loopback(portOf(socket))))).toBe(portOf(socket));
  });

  test.skipIf(!HAS_IPV6)("takes IPv4 on the IPv6 wildcard unless told not to", async () => {
    const both = open(inet("::", 0));
    const lentBoth = lend(both);
    expect(await connect({ port: portOf(both) })).toBe("closed");
    lentBoth.stop();
    const only = open(inet("::", 0, true));
    const lentOnly = lend(only);
    expect(await connect({ port: portOf(only) })).toBe("refused");
    expect(await connect({ port: portOf(only), hostname: "::1" })).toBe("closed");
    lentOnly.stop();
  });

  test("says which address is not of this machine, and leaks no descriptor", () => {
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 8; i += 1) {
      expect(() => open(inet("192.0.2.1", 0))).toThrow("Cannot listen on 192.0.2.1:0: ");
      expect(() => open(inet("nonsense", 0))).toThrow("is not an IP address");
    }
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("is closed once", () => {
    const socket = open(loopback(0));
    socket.close();
    expect(() => socket.close()).toThrow("closed once");
    expect(() => socket.descriptor).toThrow("no descriptor");
  });

  test("duplicateDescriptor says what is wrong with a descriptor", () => {
    expect(() => duplicateDescriptor(9999)).toThrow("Cannot duplicate descriptor 9999: ");
  });
});

describe.skipIf(loadLibc() === null)("ListeningSocket on a Unix path", () => {
  const path = (name: string) => join(folder, name);
  const unix = (name: string) => ({ kind: "unix", path: path(name) }) as const;

  test("serves, and removes its file at the end", async () => {
    const socket = open(unix("a"));
    const worker = lend(socket);
    expect(await connect({ unix: path("a") })).toBe("closed");
    worker.stop();
    socket.close();
    expect(existsSync(path("a"))).toBe(false);
  });

  test("takes over a file that nobody answers on", async () => {
    const listen = `require("net").createServer().listen(${JSON.stringify(path("b"))}, die);`;
    const code = `const die = () => process.kill(process.pid, 9); ${listen}`;
    const killed = Bun.spawnSync([process.execPath, "-e", code]);
    expect(killed.signalCode).toBe("SIGKILL");
    expect(existsSync(path("b"))).toBe(true);
    const worker = lend(open(unix("b")));
    expect(await connect({ unix: path("b") })).toBe("closed");
    worker.stop();
  });

  test("refuses a path that another server answers on, and leaves it alone", async () => {
    const other = Bun.listen({
      unix: path("c"),
      socket: { data: () => undefined, open: (s) => void s.end() },
    });
    expect(() => open(unix("c"))).toThrow("another process listens there");
    expect(await connect({ unix: path("c") })).toBe("closed");
    other.stop(true);
  });

  test("refuses a file that is not a socket, and leaves it alone", () => {
    writeFileSync(path("d"), "precious");
    expect(() => open(unix("d"))).toThrow("the file exists and is not a socket");
    expect(existsSync(path("d"))).toBe(true);
  });

  test("leaves the file of a successor alone", () => {
    const socket = open(unix("e"));
    rmSync(path("e"));
    const successor = open(unix("e"));
    socket.close();
    expect(existsSync(path("e"))).toBe(true);
    successor.close();
    expect(existsSync(path("e"))).toBe(false);
  });

  test("names a folder that is missing", () => {
    expect(() => open(unix("no/such"))).toThrow("ENOENT");
  });
});
