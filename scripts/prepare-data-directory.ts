import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/**
 * Makes a data directory as the first start of Ocelli leaves it: stores at their newest schema, nobody in them.
 * Tests that are not about the first start begin with copies of it.
 * @throws Error when Ocelli does not come up or does not end well.
 */
export async function prepareDataDirectory(root: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-prepared-"));
  const child = spawn(process.execPath, [join(root, "cli/src/main.ts"), "up"], {
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME },
      ...{ NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, LOG_LEVEL: "warn" },
      ...{ OCELLI_DATA: folder, OCELLI_EVENTS: "in-process", PORT: "0" },
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  // A second signal would end it at once.
  createInterface(child.stdout).on("line", (line) => {
    if (line.includes("ready at")) child.kill("SIGTERM");
  });
  const [code] = await exit;
  if (code !== 0) throw new Error(`no data directory could be prepared: ocelli up ended with ${code}`);
  return folder;
}
