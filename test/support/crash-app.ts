// An app for the tests of reload and crash: fast and slow answers, and ways to fell its worker. The
// answer names the worker and its life, so that a client can tell an old one from a new one.

const life = crypto.randomUUID().slice(0, 8);

export default {
  port: 0,
  async fetch(request: Request, context: { worker: { index: number } }): Promise<Response> {
    const { pathname } = new URL(request.url);
    const me = `worker ${context.worker.index} life ${life}`;
    if (pathname === "/slow") await Bun.sleep(5);
    if (pathname === "/throw") setTimeout(() => fail());
    if (pathname === "/exit") setTimeout(() => process.exit(3));
    if (pathname === "/reject") void Promise.reject(new Error("nobody awaits this"));
    return new Response(me);
  },
};

function fail(): never {
  throw new TypeError("felled on demand");
}
