// A millrace app with one slow route, for the burst bench: `/spin` holds the worker for 300 ms.

const SPIN_MS = 300;

export default {
  fetch(request: Request): Response {
    if (request.url.endsWith("/spin")) {
      const end = performance.now() + SPIN_MS;
      while (performance.now() < end);
    }
    return new Response("Hello, World!");
  },
};
