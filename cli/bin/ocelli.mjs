#!/usr/bin/env node
// Ocelli's TypeScript runs on the Node 24 that the workspace installs; this launcher works on any Node >= 20.
import { runWithProjectNode } from "../../scripts/run.mjs";

await runWithProjectNode(new URL("../src/main.ts", import.meta.url).pathname, process.argv.slice(2));
