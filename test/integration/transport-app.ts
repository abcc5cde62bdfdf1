// A service for the tests of TLS and of PROXY headers: a framed echo that also sends back so many
// bytes when it is asked to, an HTTP app that says from whom a request came, and a listener of each
// PROXY version. Certificates are where TEST_CERT and TEST_KEY say.

import { defineService, http, lengthField, tcp } from "millrace";

const tls = { cert: process.env["TEST_CERT"] ?? "", key: process.env["TEST_KEY"] ?? "" };
const ca = process.env["TEST_CA"];
const framing = lengthField({ bytes: 4, maxFrameBytes: 1 << 20 });

export default defineService({
  listeners: [
    http({
      port: 0,
      tls,
      fetch: (request, server) => new Response(`${request.url} ${server.remoteAddress}`),
    }),
    tcp({ port: 0, tls, framing, message: (connection, frame) => connection.send(frame) }),
    http({ port: 0, proxyProtocol: true, fetch: (_, server) => new Response(peerOf(server)) }),
    tcp({
      port: 0,
      proxyProtocol: "v2",
      framing,
      open: (connection) => connection.send(peerOf(connection)),
      message: (connection, frame) => connection.send(frame),
    }),
    http({
      port: 0,
      tls: ca === undefined ? tls : { ...tls, ca },
      fetch: () => new Response("trusted"),
    }),
  ],
});

function peerOf(peer: { remoteAddress: string; remotePort: number }): string {
  return `${peer.remoteAddress} ${peer.remotePort}`;
}
