// node:http, as Node.js runs it.   node node-http.mjs PORT
import { createServer } from "node:http";

const server = createServer((request, response) => {
  if (request.method === "POST") {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => response.end(Buffer.concat(chunks)));
    return;
  }
  response.setHeader("Content-Type", "text/plain;charset=utf-8");
  response.end("Hello, World!");
});
server.keepAliveTimeout = 255_000;
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", 4096);
