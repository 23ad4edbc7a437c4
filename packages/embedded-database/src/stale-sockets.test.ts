import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { removeStaleSockets, socketName } from "./stale-sockets.ts";

const parent = mkdtempSync(join(tmpdir(), "ocelli-stale-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

function folder(name: string): string {
  const path = join(parent, name);
  mkdirSync(path);
  return path;
}

test("removes what a killed process left behind, and nothing of one that lives or is about to", async () => {
  const killed = folder("ocelli-pg-killed");
  const alive = folder("ocelli-pg-alive");
  const starting = folder("ocelli-pg-starting");
  const abandoned = folder("ocelli-pg-abandoned");
  const foreign = folder("something-else");
  const anHourAgo = Date.now() / 1000 - 3_600;
  utimesSync(abandoned, anHourAgo, anHourAgo);
  utimesSync(foreign, anHourAgo, anHourAgo);
  await leaveSocket(join(killed, socketName));
  const server = createServer().listen(join(alive, socketName));
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    await removeStaleSockets(parent);
  } finally {
    server.close();
  }
  const left = [killed, alive, starting, abandoned, foreign].map((path) => existsSync(path));
  expect(left).toEqual([false, true, true, false, true]);
});

/** A process that listens until `kill -9`. */
async function leaveSocket(path: string): Promise<void> {
  const script = "require('node:net').createServer().listen(process.argv[1], () => console.log('up'))";
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
  expect(existsSync(path)).toBe(true);
}
