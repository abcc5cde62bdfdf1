// Before every test file. A test has 20 s: the machine may be busy, and no test waits for a time,
// so the limit is there for hangs only.

import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(20_000);
