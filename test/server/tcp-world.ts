// A TCP service in the simulated world: a fake socket, and handlers that record their calls.

import { silentLog } from "../../src/core/log.ts";
import type { Connection } from "../../src/net/connection.ts";
import { encodeFrame } from "../../src/net/framing/encode-frame.ts";
import { lengthField } from "../../src/net/framing/length-field.ts";
import { TcpApplication } from "../../src/server/tcp-application.ts";
import type { TcpConnection } from "../../src/server/tcp-connection.ts";
import { tcp, type TcpListenerOptions } from "../../src/server/tcp-service.ts";
import { fakeSocket } from "../support/fake-ring-socket.ts";
import type { FakeSocket, FakeSocketOptions } from "../support/fake-socket.ts";
import type { NetWorld } from "../support/net-world.ts";

const FRAMING = lengthField({ bytes: 4, maxFrameBytes: 1 << 20 });
export const frame = (payload: string | Uint8Array): Uint8Array =>
  encodeFrame(FRAMING, Buffer.from(payload as string));

export interface Client {
  readonly socket: FakeSocket<Connection>;
  readonly trace: string[];
  peer(): TcpConnection;
}

/** A connection to a service that records its calls; `options` come before the recording ones. */
export function connect(
  world: NetWorld,
  options: TcpListenerOptions,
  socketOptions: FakeSocketOptions<Connection> = {},
): Client {
  const trace: string[] = [];
  let peer: TcpConnection | null = null;
  const application = new TcpApplication(
    tcp({
      framing: FRAMING,
      ...options,
      open(connection) {
        peer = connection;
        trace.push("open");
        return options.open?.(connection);
      },
      message(connection, bytes) {
        trace.push(`message ${bytes.length > 40 ? bytes.length : bytes.toString("latin1")}`);
        return options.message?.(connection, bytes);
      },
      drain(connection) {
        trace.push("drain");
        return options.drain?.(connection);
      },
      close(connection, reason) {
        trace.push(`close ${reason}`);
        return options.close?.(connection, reason);
      },
      error(connection, error) {
        trace.push(`error ${error.message}`);
        return options.error?.(connection, error);
      },
    }),
    silentLog,
  );
  const handlers = world.reactor.handlers(application);
  const socket = fakeSocket<Connection>(handlers as never, socketOptions);
  world.clock.afterAdvance.push(() => socket.settle());
  socket.open();
  return { socket, trace, peer: () => peer! };
}

export const echo = (connection: TcpConnection, bytes: Buffer): unknown => connection.send(bytes);
