// The leanest app in the `fetch` form. Bun.serve and millrace are measured with this same module,
// so that the difference is the server's alone.

export default {
  fetch(_request: Request): Response {
    return new Response("Hello, World!");
  },
};
