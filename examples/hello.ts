// The fast form: routes by method and path, answers written straight into pooled memory.
//
//   bun run start -- ./examples/hello.ts
//   curl http://127.0.0.1:8080/hello/you
//   curl -d '[1, 2, 3]' http://127.0.0.1:8080/sum

import { defineService, http, type HttpRequest, type HttpResponse } from "millrace";

async function sum(request: HttpRequest, response: HttpResponse): Promise<void> {
  const numbers = await request.json(); // what is not JSON is answered with 400
  if (!Array.isArray(numbers) || !numbers.every(Number.isFinite)) {
    return response.status(400).text("an array of numbers, please\n");
  }
  response.json({ sum: (numbers as number[]).reduce((total, number) => total + number, 0) });
}

export default defineService({
  listeners: [
    http({
      routes: {
        "GET /hello/:name": ({ params }, response) => response.text(`Hello, ${params["name"]}!\n`),
        "POST /sum": sum,
      },
      fetch: () => new Response("Try /hello/you\n", { status: 404 }),
    }),
  ],
});
