// Runs a TypeScript file on the Node 24 that the workspace installs, whatever Node started this one.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, dirname } from "node:path";
import { fileURLToPath } from "node:url";

const modules = fileURLToPath(new URL("../node_modules", import.meta.url));

/**
 * Replaces this process, as far as Node can: same standard streams, signals passed on, same exit code.
 * @param {string} file absolute path of the TypeScript file
 * @param {string[]} args
 */
export async function runWithProjectNode(file, args) {
  const node = `${modules}/node/bin/node`;
  if (!existsSync(node)) {
    console.error("ocelli: not installed yet; run `npm start` in the project folder first");
    process.exit(1);
  }
  // Own tools first, so that whatever is started by name is the project's.
  const path = [dirname(node), `${modules}/.bin`, process.env.PATH ?? ""].join(delimiter);
  // glibc otherwise keeps a heap per thread; with as many threads as ours that is 100 MB at rest and 190 MB at work.
  const memory = { MALLOC_ARENA_MAX: "2" };
  // Compiled code is kept between starts, which takes more than half a second off the second one.
  const env = { NODE_COMPILE_CACHE: `${modules}/.cache/node`, ...memory, ...process.env, PATH: path };
  const child = spawn(node, ["--disable-warning=ExperimentalWarning", file, ...args], {
    stdio: "inherit",
    env,
  });
  // A terminal's Ctrl-C reaches the child by itself; this process only has to outlive it.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  const [code, signal] = await new Promise((resolve) => child.once("exit", (...result) => resolve(result)));
  process.exit(code ?? (signal === "SIGINT" ? 130 : 1));
}
