// Installs the workspace when it is missing or older than its lock file. Runs on any Node >= 20, before anything else is there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const pnpmVersion = "12.21.0";
const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = `${root}node_modules/.ocelli-installed`;

/** Makes sure that everything is installed; ends the process with one line of advice when it cannot be. */
export function setUp() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) fail(`Node ${process.versions.node} is too old; install Node 20 or newer`);
  const wanted = createHash("sha256")
    .update(readFileSync(`${root}pnpm-lock.yaml`))
    .update(readFileSync(`${root}pnpm-workspace.yaml`))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  console.error("ocelli: installing dependencies ...");
  const args = ["--yes", `pnpm@${pnpmVersion}`, "install", "--frozen-lockfile", "--reporter=append-only"];
  const result = spawnSync("npx", args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  if (result.status !== 0) {
    console.error(result.stdout ?? "", result.stderr ?? "");
    fail("installing failed; the lines above say why (is the npm registry reachable?)");
  }
  writeFileSync(stamp, wanted);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`ocelli: ${message}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp();
