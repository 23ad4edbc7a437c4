import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const script = `
  import { interruptible } from ${JSON.stringify(join(import.meta.dirname, "interruptible.ts"))};
  await interruptible(async (signal) => {
    const timer = setInterval(() => {}, 1000);
    const aborted = Promise.withResolvers();
    signal.addEventListener("abort", () => aborted.reject(signal.reason));
    console.log("ready");
    await aborted.promise.finally(() => {
      clearInterval(timer);
      console.log("released");
    });
  });`;

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("a command that gets %s releases what it has and exits with %i", async (signal, code) => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script]);
  let said = "";
  child.stdout.on("data", (data: Buffer) => {
    said += data;
    if (said === "ready\n") child.kill(signal);
  });
  child.stderr.on("data", (data: Buffer) => {
    said += data;
  });
  const exit = await new Promise((resolve) => child.once("close", resolve));
  expect(exit).toBe(code);
  expect(said).toContain("released");
  expect(said).toContain(`ocelli: ${signal}: ended before it was done`);
});
