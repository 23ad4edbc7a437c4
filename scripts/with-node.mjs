// `node scripts/with-node.mjs FILE.ts [ARGUMENT ...]`: installs what is missing, then runs the file. One process and no shell
// between, so that Ctrl-C reaches the program and its exit code comes back.
import { resolve } from "node:path";
import { runWithProjectNode } from "./run.mjs";
import { setUp } from "./setup.mjs";

const [file, ...args] = process.argv.slice(2);
if (!file) throw new Error("usage: node scripts/with-node.mjs FILE.ts [ARGUMENT ...]");
setUp();
await runWithProjectNode(resolve(file), args);
