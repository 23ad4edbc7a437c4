// `node compile-ahead.ts SERVICE|all`, with NODE_COMPILE_CACHE set: loads the code of a service and keeps it compiled, so
// that a container starts with it although it cannot write where it lies.
import { flushCompileCache } from "node:module";
import { commands } from "./commands/index.ts";
import { serviceModules } from "./service-modules.ts";
import { findService } from "./service-names.ts";

const [wanted = "all"] = process.argv.slice(2);
await import("commander");
for (const name of ["health", "serve"]) await commands[name]?.();
await import("./serve.ts");
if (wanted === "all") await import("./up.ts");
else await serviceModules[findService(wanted)]();
flushCompileCache();
// Nothing was started, but libraries may hold timers.
process.exit(0);
