// Runs a TypeScript file on the Node 24 that the workspace installs, whatever Node started this file.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../node_modules/.bin", import.meta.url));

/**
 * Replaces this process, as far as Node can: same standard streams, signals passed on, same exit code.
 * @param {string} file absolute path of the TypeScript file
 * @param {string[]} args
 */
export async function runWithProjectNode(file, args) {
  const node = `${bin}/node`;
  if (!existsSync(node)) {
    console.error(
      "ocelli: not installed yet; run `npm start` or `node scripts/setup.mjs` in the project folder first",
    );
    process.exit(1);
  }
  // Own bin folder first, so that tools started by name are the project's.
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, ...args] = process.argv.slice(2);
  if (!file) throw new Error("usage: node scripts/run.mjs FILE.ts [ARGUMENT ...]");
  await runWithProjectNode(file, args);
}
