// The entry of a worker thread, also of the compiled binary: the worker of master/, and "millrace"
// for the application that it loads. Wherever the application is, with a node_modules or without,
// its `import ... from "millrace"` is the millrace that serves it: never a second copy, never
// another version. Above all floors, like index.ts, which it opens to applications.

import { plugin } from "bun";
import "./master/worker-main.ts";

plugin({
  name: "millrace",
  setup: (build) => {
    // Loaded when it is first asked for: a plain fetch application never does. By require(), since
    // that is the form which require("millrace") can wait for.
    build.module("millrace", () => ({
      exports: require("./index.ts") as Record<string, unknown>,
      loader: "object",
    }));
  },
});
