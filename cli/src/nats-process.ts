import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { DataDirectory } from "./data-directory.ts";
import { StartupError } from "./startup-error.ts";

/** A nats-server that belongs to this process. */
export interface NatsProcess {
  readonly url: string;
  stop(): Promise<void>;
}

const startTimeoutMs = 10_000;

/** True when a nats-server can be started. */
export function hasNatsServer(): boolean {
  try {
    execFileSync("nats-server", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a nats-server with JetStream on loopback, reachable only with a token made for this run.
 * @throws StartupError when it does not come up.
 */
export async function startNatsServer(
  data: DataDirectory,
  onCrash: (code: number | null) => void,
): Promise<NatsProcess> {
  const folder = data.file("nats");
  mkdirSync(folder, { recursive: true });
  const pidFile = data.file("nats", "nats.pid");
  stopLeftOver(pidFile);
  const port = await freePort();
  const token = randomBytes(24).toString("hex");
  const configFile = data.file("nats", "nats.conf");
  writeFileSync(configFile, natsConfig({ port, token, storeDir: data.file("nats", "store") }), {
    mode: 0o600,
  });
  const child = spawn("nats-server", ["-c", configFile, "-P", pidFile], { stdio: "ignore", detached: true });
  // Until it answers, what goes wrong is told by this function alone.
  let stopping = true;
  child.on("error", () => undefined);
  child.once("exit", (code) => {
    if (!stopping) onCrash(code);
  });
  await waitForPort(child, port).catch((error: unknown) => {
    child.kill("SIGKILL");
    throw error;
  });
  stopping = false;
  return {
    url: `nats://${token}@127.0.0.1:${port}`,
    async stop() {
      stopping = true;
      const exited = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        await exited;
      }
      rmSync(pidFile, { force: true });
    },
  };
}

function natsConfig(options: { port: number; token: string; storeDir: string }): string {
  return [
    "host: 127.0.0.1",
    `port: ${options.port}`,
    `authorization: { token: ${JSON.stringify(options.token)} }`,
    `jetstream: { store_dir: ${JSON.stringify(options.storeDir)}, max_memory_store: 64MB, max_file_store: 4GB }`,
    "",
  ].join("\n");
}

/** A server whose Ocelli was killed still holds the store; it would corrupt the next one's. */
function stopLeftOver(pidFile: string): void {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, "utf8"));
  const commandLine = `/proc/${pid}/cmdline`;
  if (existsSync(commandLine) && readFileSync(commandLine, "utf8").includes(pidFile))
    process.kill(pid, "SIGKILL");
  rmSync(pidFile, { force: true });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function waitForPort(child: ChildProcess, port: number): Promise<void> {
  const { connect } = await import("node:net");
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline && child.exitCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.end());
    });
    if (open) return;
    await delay(50);
  }
  throw new StartupError(
    "nats-server was found on PATH but did not start; set OCELLI_EVENTS=in-process to do without",
  );
}
