import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

// Checks of the contracts: `node scripts/check-protos.ts`; the test suite runs the same three functions.

const root = fileURLToPath(new URL("..", import.meta.url));
const generated = "packages/contracts/src/gen";

/** Outcome of one check; `skipped` says why it could not be made here. */
export interface ProtoCheck {
  problems: string[];
  skipped?: string;
}

/** `buf lint` over all contracts. */
export function checkLint(): ProtoCheck {
  return { problems: problemsOf(run("buf", ["lint"])) };
}

/** Generates everything anew and compares it, file by file and byte by byte, with what is committed. */
export function checkGenerated(): ProtoCheck {
  return inTemporaryFolder((folder) => {
    const descriptors = join(folder, generated, "descriptors.binpb");
    const failures = [
      ...problemsOf(run("buf", ["generate", "--output", folder])),
      ...problemsOf(run("buf", ["build", "--output", descriptors])),
    ];
    if (failures.length > 0) return { problems: failures };
    const expected = filesOf(join(folder, generated));
    const found = filesOf(join(root, generated));
    const names = [...new Set([...expected.keys(), ...found.keys()])].sort();
    const different = names.filter((name) => !found.get(name)?.equals(expected.get(name) ?? Buffer.of()));
    return { problems: different.map((name) => `${generated}/${name} is not what the protos say`) };
  });
}

/** `buf breaking` against the commit before this one; a clone without history has nothing to compare with. */
export function checkBreaking(): ProtoCheck {
  const base = run("git", ["rev-parse", "--verify", "--quiet", "HEAD^"]);
  if (base.status !== 0) return { problems: [], skipped: "no earlier commit in this clone" };
  return inTemporaryFolder((folder) => {
    const archive = join(folder, "base.tar");
    const before = join(folder, "before");
    const saved = run("git", ["archive", "--output", archive, base.stdout.trim(), "proto", "buf.yaml"]);
    if (saved.status !== 0) return { problems: [], skipped: "the commit before this one has no contracts" };
    mkdirSync(before);
    const problems = problemsOf(run("tar", ["-xf", archive, "-C", before]));
    return {
      problems: problems.length > 0 ? problems : problemsOf(run("buf", ["breaking", "--against", before])),
    };
  });
}

function run(command: string, args: string[]) {
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  return spawnSync(command, args, { cwd: root, encoding: "utf8", env: { ...process.env, PATH: path } });
}

function problemsOf({ status, stdout, stderr, error }: ReturnType<typeof run>): string[] {
  if (status === 0) return [];
  const said = `${stdout ?? ""}${stderr ?? ""}`.trim();
  return [error?.message ?? (said === "" ? `exit status ${status}` : said)];
}

function filesOf(folder: string): Map<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path), readFileSync(path)]),
  );
}

function inTemporaryFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-protos-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const checks = { lint: checkLint(), generated: checkGenerated(), breaking: checkBreaking() };
  for (const [name, { problems, skipped }] of Object.entries(checks)) {
    console.log(`${name}: ${skipped ? `skipped, ${skipped}` : problems.join("\n") || "ok"}`);
    if (problems.length > 0) process.exitCode = 1;
  }
}
