// The one public door. Everything that users import is named here, and nothing else is public.

export { MillraceError, type ErrorCode } from "./core/errors.ts";
export { serve, type ServeOptions, type ServerHandle } from "./master/serve.ts";
export type { HttpRequest } from "./server/http-request.ts";
export type { HttpResponse } from "./server/http-response.ts";
export type { TlsOptions } from "./net/tls.ts";
export { raw } from "./net/framing/raw.ts";
export { delimiter } from "./net/framing/delimiter.ts";
export { fixedLength } from "./net/framing/fixed-length.ts";
export { lengthField } from "./net/framing/length-field.ts";
export { line } from "./net/framing/line.ts";
export { encodeFrame } from "./net/framing/encode-frame.ts";
export type { FrameDecoder, Framing } from "./net/framing/framing.ts";
export type { TcpConnection } from "./server/tcp-connection.ts";
export {
  tcp,
  type TcpHeartbeatOptions,
  type TcpListener,
  type TcpListenerOptions,
} from "./server/tcp-service.ts";
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
