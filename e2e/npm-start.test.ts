import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { removeFolders, temporaryFolder } from "./harness/ocelli-process.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

afterAll(removeFolders);

test("Ctrl-C in the terminal of npm start ends everything with exit code 0", async () => {
  const env = { ...process.env, OCELLI_DATA: temporaryFolder(), PORT: "0" };
  // A group of its own, as a terminal gives it: Ctrl-C reaches npm, the shell and Ocelli alike.
  const npm = spawn("npm", ["start"], {
    cwd: root,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    npm.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes("ready at")) resolve();
    });
    npm.once("exit", () => reject(new Error(output)));
  });
  const exited = new Promise<number | null>((resolve) => npm.once("exit", (code) => resolve(code)));
  process.kill(-(npm.pid ?? 0), "SIGINT");
  expect(await exited).toBe(0);
  expect(output).toContain("finishing what it has in hand");
});
