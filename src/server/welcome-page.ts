// The page of the welcome site: one self-contained document, no request to anywhere.

export const WELCOME_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>millrace is running</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; }
  :root { --ink: #17212b; --paper: #f7f5f0; --water: #0b6e8f; --line: #d8d3c7; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e8e6e0; --paper: #14191f; --water: #5bc0de; --line: #33404c; }
  }
  body { margin: 0; background: var(--paper); color: var(--ink); }
  body { font: 17px/1.6 system-ui, sans-serif; }
  main { max-width: 42rem; margin: 0 auto; padding: 12vh 1.5rem 4rem; }
  h1 { font-size: 2.6rem; letter-spacing: -0.03em; margin: 0 0 0.5rem; }
  h1 span { color: var(--water); }
  table { border-collapse: collapse; width: 100%; margin: 2rem 0; }
  td { border-top: 1px solid var(--line); padding: 0.6rem 1rem 0.6rem 0; vertical-align: top; }
  code, pre { font: 15px/1.5 ui-monospace, monospace; }
  pre { border: 1px solid var(--line); border-radius: 6px; padding: 1rem; overflow-x: auto; }
  a { color: var(--water); }
</style>
</head>
<body>
<main>
<h1><span>millrace</span> is running</h1>
<p>Every core is serving this page from pooled buffers. What it serves next is up to you.</p>
<table>
<tr><td><a href="/hello"><code>GET /hello</code></a></td><td>a line of text</td></tr>
<tr><td><code>POST /echo</code></td><td>answers with the body it got</td></tr>
<tr><td><a href="/healthz"><code>GET /healthz</code></a></td><td>for a load balancer</td></tr>
</table>
<p>Serve a folder, or an application of your own on every core:</p>
<pre>bun run start -- ./public
bun run start -- ./app.ts</pre>
<pre>// app.ts
export default {
  fetch: (request) =&gt;
    new Response("Hello from " + new URL(request.url).pathname),
};</pre>
</main>
</body>
</html>
`;
