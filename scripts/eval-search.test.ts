import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "ocelli-eval-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const evaluate = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, "eval-search.ts"), ...args]);

test("judges the real model on labelled pictures, without those it cannot read", async () => {
  const labelled = {
    "coffee.png": ["a cup of coffee", "espresso on a wooden table"],
    "chelsea.png": ["kitten face close up"],
    "rocket.jpg": ["rocket on the launch pad at night"],
    "broken.jpg": ["nothing at all"],
  };
  for (const name of Object.keys(labelled).slice(0, 3))
    copyFileSync(join(import.meta.dirname, "../e2e/photos", name), join(folder, name));
  writeFileSync(join(folder, "broken.jpg"), "no picture");
  const lines = Object.entries(labelled).map(([image, captions]) => JSON.stringify({ image, captions }));
  writeFileSync(join(folder, "captions.jsonl"), `${lines.join("\n")}\n`);
  const { stdout, stderr } = await evaluate(folder, "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    queries: 4,
    recall: { 1: 1, 5: 1, 10: 1 },
    meanReciprocalRank: 1,
  });
  expect(stderr).toContain("broken.jpg is left out");
});

test("names the line that is wrong", async () => {
  writeFileSync(join(folder, "captions.jsonl"), '{"image":"../elsewhere.jpg","captions":["a dog"]}\n');
  await expect(evaluate(folder)).rejects.toThrow(/line 1 of captions.jsonl: .*outside the folder/);
});
