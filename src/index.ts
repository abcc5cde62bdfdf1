// The one public door. Everything that users import is named here, and nothing else is public.

import type { ServeOptions, ServerHandle } from "./master/serve.ts";

export { MillraceError, type ErrorCode } from "./core/errors.ts";
export type { ServeOptions, ServerHandle } from "./master/serve.ts";
export type { ServerStats } from "./master/server-stats.ts";
export { Arena, type ArenaOptions, type AttachOptions } from "./memory/arena.ts";
export type { ArenaStats } from "./memory/arena-stats.ts";
export { BlockError } from "./memory/block-error.ts";
export type { ArenaHandle } from "./memory/shared-memory.ts";
export type { HttpLimitOptions } from "./server/http-limit-options.ts";
export type { HttpRequest } from "./server/http-request.ts";
export type { HttpResponse } from "./server/http-response.ts";
export type {
  AccessLogFormat,
  AccessLogOptions,
  RequestLogOptions,
} from "./server/access-log-options.ts";
export type { TlsOptions } from "./net/tls.ts";
export { raw } from "./net/framing/raw.ts";
export { delimiter } from "./net/framing/delimiter.ts";
export { fixedLength } from "./net/framing/fixed-length.ts";
export { lengthField } from "./net/framing/length-field.ts";
export { line } from "./net/framing/line.ts";
export { encodeFrame } from "./net/framing/encode-frame.ts";
export {
  FRAME_ERROR,
  FRAME_MORE,
  FRAME_READY,
  type FrameDecoder,
  type Framing,
} from "./net/framing/framing.ts";
export type { ProxyProtocol } from "./net/proxy-protocol.ts";
export type { CloseReasonName } from "./core/close-reason.ts";
export { trailersOf } from "./server/request-trailers.ts";
export type { StaticOptions } from "./server/static-options.ts";
export type { TcpConnection } from "./server/tcp-connection.ts";
export {
  tcp,
  type TcpHeartbeatOptions,
  type TcpListener,
  type TcpListenerOptions,
} from "./server/tcp-service.ts";
export { TimerTable, type TimerHandle, type TimerTableOptions } from "./timer/timer-table.ts";
export type { TransportOptions } from "./server/transport.ts";
export type { Channel, ChannelHandler } from "./server/channel.ts";
export {
  defineService,
  type FetchContext,
  type FetchHandler,
  http,
  type HttpListener,
  type HttpListenerOptions,
  type RouteHandler,
  type Routes,
  type Service,
  type ServiceListener,
  type WorkerContext,
} from "./server/service.ts";

/**
 * Starts a server on every core of this machine and resolves when it accepts connections.
 *
 * Rejects with MillraceError: ERR_USAGE, ERR_MODULE, ERR_LISTEN or ERR_WORKER.
 *
 * @example
 * const server = await serve({ service: new URL("./app.ts", import.meta.url), port: 0 });
 * console.log(server.url);
 * await server.reload();
 * await server.stop();
 */
export async function serve(options: ServeOptions = {}): Promise<ServerHandle> {
  // Loaded when it is called: every worker imports this file, and none of them is a master.
  return (await import("./master/serve.ts")).serve(options);
}
