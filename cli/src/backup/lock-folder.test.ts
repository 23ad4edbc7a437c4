import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isLocked, lockFolder } from "./lock-folder.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ocelli-lock-"));
  file = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hours = (count: number) => new Date(Date.now() - count * 3_600_000);

test("is given back, and names process and machine meanwhile", async () => {
  const unlock = await lockFolder(folder);
  expect(readFileSync(file, "utf8")).toBe(`${process.pid} ${hostname()}`);
  await unlock();
  expect([existsSync(file), await isLocked(folder)]).toEqual([false, undefined]);
});

test.each([
  ["a process that is gone", `4194000 ${hostname()}`],
  ["an earlier version", "4194000"],
  ["a predecessor with this process's number, as in a container", `${process.pid} ${hostname()}`],
  ["process 1, which is none of Ocelli's", `1 ${hostname()}`],
])("is taken over from %s", async (_name, text) => {
  writeFileSync(file, text);
  const unlock = await lockFolder(folder);
  expect(readFileSync(file, "utf8")).toBe(`${process.pid} ${hostname()}`);
  await unlock();
});

test("of a live process is respected", async () => {
  const script = join(folder, "main.ts");
  writeFileSync(script, "setInterval(() => {}, 1000)");
  const child = spawn(process.execPath, [script], { stdio: "ignore" });
  try {
    await new Promise((resolve) => child.once("spawn", resolve));
    writeFileSync(file, `${child.pid} ${hostname()}`);
    await expect(lockFolder(folder)).rejects.toThrow(`is under way (process ${child.pid})`);
  } finally {
    child.kill("SIGKILL");
  }
});

test("of another machine is respected until nobody has touched it for a day", async () => {
  writeFileSync(file, "1 elsewhere");
  utimesSync(file, hours(23), hours(23));
  await expect(lockFolder(folder)).rejects.toThrow(/process 1 on elsewhere\); when it was killed, remove /);
  utimesSync(file, hours(25), hours(25));
  await (await lockFolder(folder))();
});

test("that is empty is being written, unless it has been so for long", async () => {
  writeFileSync(file, "");
  await expect(lockFolder(folder)).rejects.toThrow("is under way");
  utimesSync(file, hours(1), hours(1));
  await (await lockFolder(folder))();
});
