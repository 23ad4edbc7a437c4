import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataDirectory } from "./data-directory.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ocelli-data-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("the lock names this process and goes with it", () => {
  const data = openDataDirectory(folder);
  expect(readFileSync(data.file("lock"), "utf8")).toBe(String(process.pid));
  data.release();
  expect(existsSync(data.file("lock"))).toBe(false);
});

// Larger than any process id, and what a crash between creating and filling the file leaves.
test.each(["99999999", ""])("a lock with %j that nobody holds is taken over without a trace", (content) => {
  writeFileSync(join(folder, "lock"), content);
  openDataDirectory(folder);
  expect(readFileSync(join(folder, "lock"), "utf8")).toBe(String(process.pid));
  expect(readdirSync(folder).sort()).toEqual(["layout", "lock"]);
});

test("a folder of a later layout is left alone", () => {
  writeFileSync(join(folder, "layout"), "2");
  expect(() => openDataDirectory(folder)).toThrow(/has layout "2", this version reads 1/);
  expect(readdirSync(folder)).toEqual(["layout"]);
});
