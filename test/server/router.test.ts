import { expect, test } from "bun:test";
import { hashPath } from "../../src/http/path-hash.ts";
import { METHOD_NAMES } from "../../src/http/methods.ts";
import { Router } from "../../src/server/router.ts";
import { Random, seedOfRun } from "../support/random.ts";

/** What `line` finds: the pattern and the values by name, or the methods of a 405, or nothing. */
function find(router: Router<string>, line: string): string {
  const [name, path] = line.split(" ") as [string, string];
  const bytes = Buffer.from(`..${path}..`, "latin1");
  const method = METHOD_NAMES.indexOf(name);
  const match = router.find(bytes, 2, bytes.length - 2, hashPath(path), Math.max(0, method));
  if (match.handler === undefined) return match.found ? `405 ${match.allow()}` : "404";
  const values = match.names.map((key, index) => ` ${key}=${match.values[index]}`);
  return match.handler + values.join("");
}

function routerOf(...patterns: string[]): Router<string> {
  const router = new Router<string>();
  for (const pattern of patterns) router.add(pattern, pattern);
  return router;
}

test("Router finds fixed paths, parameters and rests, the more particular first", () => {
  const router = routerOf("GET /", "/all", "GET /a/:x", "GET /a/b", "GET /a/*", "GET /:x/:y/z");
  expect(find(router, "GET /")).toBe("GET /");
  expect(find(router, "PATCH /all")).toBe("/all");
  expect(find(router, "BREW /all")).toBe("/all");
  expect(find(router, "GET /a/b")).toBe("GET /a/b");
  expect(find(router, "GET /a/c")).toBe("GET /a/:x x=c");
  expect(find(router, "GET /a/c/d")).toBe("GET /a/* *=c/d");
  expect(find(router, "GET /a/")).toBe("GET /a/* *=");
  expect(find(router, "GET /a/c/z")).toBe("GET /a/* *=c/z");
  expect(find(router, "GET /b/c/z")).toBe("GET /:x/:y/z x=b y=c");
  for (const none of ["/a", "/b", "/A/b", "//", "/all/", "/b/c", "/b//z", "/%61"]) {
    expect([none, find(router, `GET ${none}`)]).toEqual([none, "404"]);
  }
});

test("Router lets no path hide another that has the method", () => {
  const router = routerOf("GET /u/me", "POST /u/:id", "PUT /u/*", "/x/:any", "GET /x/y");
  expect(find(router, "GET /u/me")).toBe("GET /u/me");
  expect(find(router, "POST /u/me")).toBe("POST /u/:id id=me");
  expect(find(router, "PUT /u/me")).toBe("PUT /u/* *=me");
  expect(find(router, "POST /x/y")).toBe("/x/:any any=y");
  expect(find(router, "DELETE /u/me")).toBe("405 GET, HEAD, OPTIONS, POST, PUT");
  expect(find(router, "DELETE /u/1")).toBe("405 OPTIONS, POST, PUT");
});

test("Router calls parameters as the pattern of the method calls them", () => {
  const router = routerOf("GET /a/:id", "POST /a/:name", "GET /f/*path", "PUT /f/*");
  expect(find(router, "GET /a/1")).toBe("GET /a/:id id=1");
  expect(find(router, "POST /a/1")).toBe("POST /a/:name name=1");
  expect(find(router, "HEAD /a/1")).toBe("GET /a/:id id=1");
  expect(find(router, "GET /f/a/b")).toBe("GET /f/*path path=a/b");
  expect(find(router, "PUT /f/a/b")).toBe("PUT /f/* *=a/b");
});

test("Router answers HEAD from GET, unless HEAD has a handler of its own", () => {
  const router = routerOf("GET /a", "GET /b", "HEAD /b", "POST /c", "/d", "GET /d");
  expect(find(router, "HEAD /a")).toBe("GET /a");
  expect(find(router, "HEAD /b")).toBe("HEAD /b");
  expect(find(router, "HEAD /c")).toBe("405 OPTIONS, POST");
  expect(find(router, "HEAD /d")).toBe("GET /d");
});

test("Router forgets the values of a branch that fails", () => {
  const router = routerOf("GET /:a/x/:b/end", "GET /:c/*");
  expect(find(router, "GET /1/x/2/end")).toBe("GET /:a/x/:b/end a=1 b=2");
  expect(find(router, "GET /1/x/2/no")).toBe("GET /:c/* c=1 *=x/2/no");
});

test("Router refuses patterns that are wrong, and names them", () => {
  const wrong = {
    "get /": "not a method",
    "BREW /": "not a method",
    "GET a": "begin with /",
    "": "begin with /",
    "GET /a?b": "without ? and #",
    "GET /a b": "visible ASCII",
    "GET /é": "visible ASCII",
    "GET /:": "not a parameter name",
    "GET /:a-b": "not a parameter name",
    "GET /:a/:a": "twice",
    "GET /:a/*a": "twice",
    "GET /*/a": "last segment",
    "GET /there": "there twice",
    "GET /x/:other": "there twice",
  };
  for (const [pattern, why] of Object.entries(wrong)) {
    const router = routerOf("GET /there", "GET /x/:one");
    expect(() => router.add(pattern, pattern)).toThrow(why);
    if (pattern !== "") expect(() => router.add(pattern, pattern)).toThrow(`"${pattern}"`);
  }
});

test("Router finds what a plain search over all patterns finds", () => {
  const seed = seedOfRun();
  const random = new Random(seed);
  const names = ["a", "b", "c"];
  for (let round = 0; round < 200; round++) {
    const patterns = new Set<string>();
    for (let count = 0; count < 8; count++) {
      const depth = random.below(4);
      const parts = Array.from({ length: depth }, (_, index) =>
        random.oneIn(3) ? `:p${index}` : random.pick(names),
      );
      if (random.oneIn(4)) parts.push("*");
      patterns.add(`${random.pick(["GET ", "POST ", ""])}/${parts.join("/")}`);
    }
    const router = routerOf(...patterns);
    for (let count = 0; count < 20; count++) {
      const parts = Array.from({ length: random.below(5) }, () => random.pick(names));
      const line = `${random.pick(["GET", "POST", "PUT", "HEAD"])} /${parts.join("/")}`;
      const matches = [...patterns].some((pattern) => covers(pattern, line));
      const found = !/^40[45]/.test(find(router, line));
      expect({ seed, patterns: [...patterns], line, found }).toEqual({
        seed,
        patterns: [...patterns],
        line,
        found: matches,
      });
    }
  }
});

function covers(pattern: string, line: string): boolean {
  const [method, path] = line.split(" ") as [string, string];
  const own = pattern.includes(" ") ? pattern.split(" ")[0]! : method;
  if (own !== method && !(own === "GET" && method === "HEAD")) return false;
  const source = pattern.slice(pattern.indexOf("/")).replace(/:\w+/g, "[^/]+").replace(/\*$/, ".*");
  return new RegExp(`^${source}$`).test(path);
}
