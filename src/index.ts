// The one public door. Everything that users import is named here, and nothing else is public.

export { MillraceError, type ErrorCode } from "./core/errors.ts";
export { serve, type ServeOptions, type ServerHandle } from "./master/serve.ts";
export type { HttpRequest } from "./server/http-request.ts";
export type { HttpResponse } from "./server/http-response.ts";
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
