// Answers any path with 200, and a POST with its body: what the shared cases ask of a server.

export default {
  port: 0,
  async fetch(request: Request): Promise<Response> {
    return new Response(request.method === "POST" ? await request.bytes() : "OK");
  },
};
