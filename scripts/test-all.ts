import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { prepareDataDirectory } from "./prepare-data-directory.ts";

// Everything that must hold before a change lands, in the order in which it fails fastest. The last line is
// `N passed, N failed`.

/** Tests wait for processes and timers now and then: three keep two cores busy. */
const workers = "--maxWorkers=3";

const root = fileURLToPath(new URL("..", import.meta.url));
let passed = 0;
let failed = 0;
/** What a reader of the last lines must know: tests that failed, and those that need a quiet machine. */
const remarks: string[] = [];

function run(command: string, args: string[]): SpawnSyncReturns<Buffer> {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" });
}

function check(name: string, command: string, args: string[]): void {
  console.log(`\n== ${name}`);
  if (run(command, args).status === 0) passed += 1;
  else {
    failed += 1;
    remarks.push(`FAILED: ${name}`);
  }
}

/** What became of one test file. */
interface FileResult {
  name: string;
  status: string;
  assertionResults: { fullName: string; status: string }[];
}

/** Runs vitest once; undefined when it crashed. */
function vitest(args: string[]): FileResult[] | undefined {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-report-"));
  const file = join(folder, "report.json");
  run("vitest", ["run", ...args, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`]);
  try {
    const report: { testResults: FileResult[] } = JSON.parse(readFileSync(file, "utf8"));
    return report.testResults;
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const titlesOf = ({ assertionResults }: FileResult, status: string) =>
  assertionResults.filter((each) => each.status === status).map(({ fullName }) => fullName);

/** A file that cannot even be loaded, or whose set-up fails, has no failed test. */
const failuresOf = (file: FileResult) => {
  const titles = titlesOf(file, "failed");
  return titles.length === 0 && file.status === "failed" ? ["(the file as a whole)"] : titles;
};

/**
 * Runs tests and adds their counts. Files with a failure get a second run, one at a time: its counts are what counts,
 * and what failed at first is told at the end.
 */
function runTests(name: string, args: string[]): void {
  console.log(`\n== ${name}`);
  const results = vitest(args);
  if (!results || results.length === 0) {
    failed += 1;
    remarks.push(`FAILED: ${name}: no tests were run`);
    return;
  }
  const bad = results.filter((file) => failuresOf(file).length > 0);
  let again: FileResult[] = [];
  if (bad.length > 0) {
    console.log(`\n== ${name}: once more, one at a time`);
    again = vitest([...bad.map((file) => file.name), "--maxWorkers=1"]) ?? [];
  }
  for (const first of results) {
    const last = again.find((file) => file.name === first.name) ?? first;
    const failures = failuresOf(last);
    passed += titlesOf(last, "passed").length;
    failed += failures.length;
    const path = relative(root, first.name);
    for (const title of failures) remarks.push(`FAILED: ${path} > ${title}`);
    for (const title of failuresOf(first).filter((each) => !failures.includes(each)))
      remarks.push(`PASSED ONLY WHEN RUN ALONE: ${path} > ${title}`);
  }
}

check("format and lint", "biome", ["check", "."]);
check("types", "tsc", ["--noEmit", "-p", "tsconfig.json"]);
check("proto lint", "buf", ["lint"]);
check("configuration table", "node", ["scripts/write-config-docs.ts", "--check"]);
check("tables of metrics and spans", "node", ["scripts/write-telemetry-docs.ts", "--check"]);
runTests("unit and integration tests", [
  ...["packages", "services", "gateway", "cli", "scripts", "deploy", "k8s"],
  workers,
]);
process.env.OCELLI_PREPARED_DATA = await prepareDataDirectory(root);
runTests("end-to-end tests", ["e2e", "--project=own process", workers]);
runTests("end-to-end tests, one file at a time", ["--project=whole machine", "--maxWorkers=1"]);
rmSync(process.env.OCELLI_PREPARED_DATA, { recursive: true, force: true });
console.log(`\n${remarks.map((each) => `${each}\n`).join("")}${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
