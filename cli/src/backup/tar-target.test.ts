import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openTarTarget } from "./tar-target.ts";

test("what a killed backup to the same file left is removed, and nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-tar-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const make = (name: string, lock?: string) => {
    mkdirSync(join(folder, name));
    if (lock !== undefined) writeFileSync(join(folder, name, "lock"), lock);
  };
  make(".one.tar-killed", "4194000");
  make(".one.tar-remote", "1 elsewhere");
  make(".one.tar-justb4");
  make(".one.tar-oldone");
  make(".one.tar-something-else");
  make(".two.tar-killed", "4194000");
  const old = new Date(Date.now() - 25 * 3_600_000);
  utimesSync(join(folder, ".one.tar-oldone"), old, old);
  const target = await openTarTarget(join(folder, "one.tar"));
  const left = [
    ".one.tar-killed",
    ".one.tar-remote",
    ".one.tar-justb4",
    ".one.tar-oldone",
    ".one.tar-something-else",
    ".two.tar-killed",
  ].filter((name) => existsSync(join(folder, name)));
  expect(left).toEqual([".one.tar-remote", ".one.tar-justb4", ".one.tar-something-else", ".two.tar-killed"]);
  await target.discard();
  expect(existsSync(target.workFolder)).toBe(false);
});
