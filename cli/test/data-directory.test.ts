import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataDirectory } from "../src/data-directory.ts";
import { StartupError } from "../src/startup-error.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "ocelli-data-"));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const lockOf = (path: string) => join(path, "lock");

/** A process whose command line is like ours, or not. */
async function otherProcess(name: string) {
  const file = join(base, name);
  writeFileSync(file, "setInterval(() => {}, 1000); console.log('up')");
  const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
}

test("creates the folder for its user alone, locks it and lets it go", () => {
  const path = join(base, "deep", "data");
  const directory = openDataDirectory(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(readFileSync(lockOf(path), "utf8")).toBe(String(process.pid));
  expect(directory.file("a", "b")).toBe(join(path, "a", "b"));
  directory.release();
  expect(existsSync(lockOf(path))).toBe(false);
  openDataDirectory(path).release();
});

test("a folder in use by another Ocelli is refused with its process id", async () => {
  const path = join(base, "data");
  openDataDirectory(path).release();
  const other = await otherProcess("main.ts");
  writeFileSync(lockOf(path), String(other.pid));
  expect(() => openDataDirectory(path)).toThrow(new RegExp(`in use by process ${other.pid}`));
  expect(readFileSync(lockOf(path), "utf8")).toBe(String(other.pid));
  other.kill();
});

test("what a killed process left behind is no lock, nor is a number that another program got", async () => {
  const path = join(base, "data");
  openDataDirectory(path).release();
  const other = await otherProcess("editor.mjs");
  for (const left of [String(2 ** 22 + 1), String(other.pid), "garbage"]) {
    writeFileSync(lockOf(path), left);
    openDataDirectory(path).release();
  }
  other.kill();
});

test("of processes that start at once exactly one gets the folder", async () => {
  const path = join(base, "data");
  openDataDirectory(path).release();
  const module = join(import.meta.dirname, "../src/data-directory.ts");
  const file = join(base, "main.ts");
  writeFileSync(
    file,
    `import { openDataDirectory } from ${JSON.stringify(module)};
     try { openDataDirectory(${JSON.stringify(path)}); console.log("got"); setTimeout(() => {}, 1500); }
     catch { console.log("refused"); }`,
  );
  // What a crash left behind, which all of them try to clear away.
  writeFileSync(lockOf(path), String(2 ** 22 + 1));
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit"] });
      return new Promise<string>((resolve) => {
        let said = "";
        child.stdout.on("data", (data) => (said += data));
        child.once("close", () => resolve(said.trim()));
      });
    }),
  );
  expect(answers.sort()).toEqual(["got", "refused", "refused", "refused"]);
});

test("another layout, a file in its place, a folder that cannot be written: one line that helps", () => {
  const path = join(base, "data");
  openDataDirectory(path).release();
  writeFileSync(join(path, "layout"), "99");
  expect(() => openDataDirectory(path)).toThrow(/has layout "99", this version reads 1.*OCELLI_DATA/);
  const file = join(base, "file");
  writeFileSync(file, "");
  expect(() => openDataDirectory(file)).toThrow(StartupError);
  const readOnly = join(base, "read-only");
  openDataDirectory(readOnly).release();
  chmodSync(readOnly, 0o500);
  // Root may write everywhere.
  if (process.getuid?.() !== 0)
    expect(() => openDataDirectory(readOnly)).toThrow(/cannot be used.*OCELLI_DATA/);
  chmodSync(readOnly, 0o700);
});
