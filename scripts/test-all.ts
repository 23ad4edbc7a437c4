import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Everything that must hold before a change lands, in the order in which it fails fastest. The last line is
// `N passed, N failed`.

/** Whole meshes and a thousand callers want both cores. */
const alone = ["crash", "job-chaos", "mesh", "overload"];

/** Tests wait for processes and timers now and then: three keep two cores busy. */
const workers = "--maxWorkers=3";

const root = fileURLToPath(new URL("..", import.meta.url));
let passed = 0;
let failed = 0;

function run(command: string, args: string[]): SpawnSyncReturns<Buffer> {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" });
}

function check(name: string, command: string, args: string[]): void {
  console.log(`\n== ${name}`);
  if (run(command, args).status === 0) passed += 1;
  else {
    failed += 1;
    console.log(`== ${name}: FAILED`);
  }
}

/** Runs vitest once and adds its own counts; a crashed run counts as one failure. */
function runTests(name: string, args: string[]): void {
  console.log(`\n== ${name}`);
  const folder = mkdtempSync(join(tmpdir(), "ocelli-report-"));
  const report = join(folder, "report.json");
  const result = run("vitest", [
    "run",
    ...args,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ]);
  try {
    const counts: { numPassedTests: number; numFailedTests: number } = JSON.parse(
      readFileSync(report, "utf8"),
    );
    passed += counts.numPassedTests;
    // A file that cannot even be loaded fails the run without a failed test.
    failed += counts.numFailedTests || (result.status === 0 ? 0 : 1);
  } catch {
    failed += 1;
  }
  rmSync(folder, { recursive: true, force: true });
}

check("format and lint", "biome", ["check", "."]);
check("types", "tsc", ["--noEmit", "-p", "tsconfig.json"]);
check("proto lint", "buf", ["lint"]);
check("configuration table", "node", ["scripts/write-config-docs.ts", "--check"]);
runTests("unit and integration tests", [...["packages", "services", "gateway", "cli", "scripts"], workers]);
runTests("end-to-end tests", [
  "e2e",
  ...alone.flatMap((name) => ["--exclude", `e2e/${name}.test.ts`]),
  workers,
]);
runTests("end-to-end tests, one file at a time", [
  ...alone.map((name) => `e2e/${name}.test.ts`),
  "--maxWorkers=1",
]);

console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
