// The listening sockets of the server: for each address one socket a worker slot, or one for all
// where sockets cannot share an address (Unix). Owned by the master; it outlives every worker, so
// that the queues of the kernel do too. Without the C library a worker listens by itself, and the
// table only knows the addresses.
//
//   endpoint "http"  127.0.0.1:8080   [slot 0 fd 5] [slot 1 fd 6]      SO_REUSEPORT
//   endpoint "admin" unix:/run/m.sock [ all slots fd 7 ]

import { MillraceError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { loadLibc } from "../net/libc.ts";
import { listenError, ListeningSocket } from "../net/listening-socket.ts";
import { resolveHost } from "../net/resolve-host.ts";
import { formatAddress, type SocketAddress } from "../net/socket-address.ts";
import type { ListenerGrant } from "./worker-protocol.ts";
import type { ListenerSpec } from "./worker-server.ts";

export interface Endpoint {
  readonly spec: ListenerSpec;
  /** With the real port. */
  readonly address: SocketAddress;
}

interface OpenEndpoint extends Endpoint {
  readonly key: string;
  /** By slot; one for all slots if there is one; none if workers listen by themselves. */
  readonly sockets: readonly ListeningSocket[];
}

export interface SocketTableOptions {
  readonly slotCount: number;
  readonly backlog: number;
  readonly log: Log;
}

export class SocketTable {
  private readonly options: SocketTableOptions;
  private readonly ownsSockets: boolean;
  private readonly byKey = new Map<string, OpenEndpoint>();

  constructor(options: SocketTableOptions) {
    this.options = options;
    this.ownsSockets = loadLibc() !== null;
    if (this.ownsSockets) return;
    options.log.warn(
      "the master cannot make listening sockets here (no usable C library): each worker listens " +
        "by itself with a backlog of 512, and connections that wait in its queue are lost with it",
    );
  }

  /** Opens what is not open yet, all or nothing; throws MillraceError ERR_LISTEN. */
  async open(specs: readonly ListenerSpec[]): Promise<readonly Endpoint[]> {
    requireDistinct(specs);
    const addresses: SocketAddress[] = [];
    for (const spec of specs) addresses.push(await resolveSpec(spec));
    const fresh: OpenEndpoint[] = [];
    try {
      return specs.map((spec, index) => {
        const key = keyOf(spec, addresses[index]!);
        const known = this.byKey.get(key);
        if (known !== undefined) return { ...known, spec };
        const endpoint = this.openEndpoint(key, spec, addresses[index]!);
        fresh.push(endpoint);
        this.byKey.set(key, endpoint);
        return endpoint;
      });
    } catch (error) {
      for (const endpoint of fresh) this.closeEndpoint(endpoint);
      throw error;
    }
  }

  /** What the worker of a slot gets, in the order of the endpoints. */
  grants(endpoints: readonly Endpoint[], slot: number): ListenerGrant[] {
    return endpoints.map(({ spec, address }) => {
      const sockets = this.byKey.get(keyOf(spec, address))?.sockets ?? [];
      const socket = sockets[slot] ?? sockets[0];
      if (socket !== undefined) {
        const backlog = spec.backlog ?? this.options.backlog;
        return { kind: "descriptor", fd: socket.descriptor, backlog };
      }
      return addressGrant(address, slot);
    });
  }

  /** Closes what is open and not among these; the workers that used it must have let it go. */
  retain(endpoints: readonly Endpoint[]): void {
    const kept = new Set(endpoints.map(({ spec, address }) => keyOf(spec, address)));
    for (const [key, endpoint] of this.byKey) {
      if (kept.has(key)) continue;
      this.options.log.info(`no longer listening on ${formatAddress(endpoint.address)}`);
      this.closeEndpoint(endpoint);
    }
  }

  /** Of all that is open: see ListeningSocket. A little before stopAdmitting(). */
  acceptWithoutBytes(): void {
    for (const { sockets } of this.byKey.values()) {
      for (const socket of sockets) socket.acceptWithoutBytes();
    }
  }

  /** Before the workers detach for good: see ListeningSocket. */
  stopAdmitting(): void {
    for (const { sockets } of this.byKey.values()) {
      for (const socket of sockets) socket.stopAdmitting();
    }
  }

  closeAll(): void {
    for (const endpoint of this.byKey.values()) this.closeEndpoint(endpoint);
  }

  private openEndpoint(key: string, spec: ListenerSpec, address: SocketAddress): OpenEndpoint {
    if (!this.ownsSockets) return { key, spec, address: probeAddress(address), sockets: [] };
    const backlog = spec.backlog ?? this.options.backlog;
    const sockets = [ListeningSocket.open(address, { backlog })];
    const real = sockets[0]!.address;
    const count = address.kind === "unix" ? 1 : this.options.slotCount;
    try {
      while (sockets.length < count) {
        sockets.push(ListeningSocket.open(real, { backlog, join: true }));
      }
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    return { key, spec, address: real, sockets };
  }

  private closeEndpoint(endpoint: OpenEndpoint): void {
    for (const socket of endpoint.sockets) socket.close();
    this.byKey.delete(endpoint.key);
  }
}

async function resolveSpec(spec: ListenerSpec): Promise<SocketAddress> {
  if (spec.unix !== undefined) return { kind: "unix", path: spec.unix };
  const host = await resolveHost(spec.host, spec.port);
  return { kind: "inet", host, port: spec.port, ipv6Only: spec.ipv6Only ?? false };
}

/** Port 0 is another port for each listener, and the same one again after a reload. */
function keyOf(spec: ListenerSpec, address: SocketAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const asked = spec.port === 0 ? `0 for ${spec.name}` : spec.port;
  return `${address.host} ${address.ipv6Only} ${asked}`;
}

function requireDistinct(specs: readonly ListenerSpec[]): void {
  const owners = new Map<string, string>();
  for (const spec of specs) {
    if (spec.unix === undefined && spec.port === 0) continue;
    const text = spec.unix === undefined ? `${spec.host}:${spec.port}` : `unix:${spec.unix}`;
    const owner = owners.get(text);
    if (owner !== undefined) {
      throw new MillraceError(
        "ERR_LISTEN",
        `Cannot listen on ${text} for "${spec.name}": the listener "${owner}" has it already`,
      );
    }
    owners.set(text, spec.name);
  }
}

// Where workers listen by themselves

function addressGrant(address: SocketAddress, slot: number): ListenerGrant {
  if (address.kind === "inet") return { kind: "address", host: address.host, port: address.port };
  if (slot > 0) return { kind: "none" }; // a Unix path belongs to one socket
  return { kind: "address", host: "", port: 0, unix: address.path };
}

/** Listens for an instant without sharing: to hear of an error, and to choose a port for all. */
function probeAddress(address: SocketAddress): SocketAddress {
  if (address.kind === "unix") return address;
  const { host: hostname, port, ipv6Only } = address;
  try {
    const options = { hostname, port, ipv6Only, socket: { data: () => undefined } };
    const listener = Bun.listen(options);
    const real = { ...address, port: listener.port };
    listener.stop(true);
    return real;
  } catch (error) {
    throw listenError(address, messageOf(error));
  }
}
