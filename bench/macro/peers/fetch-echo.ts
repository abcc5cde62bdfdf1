// A body there and back in the `fetch` form, for Bun.serve and millrace alike.

export default {
  async fetch(request: Request): Promise<Response> {
    return new Response(await request.arrayBuffer());
  },
};
