import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real nats-server for one test file. */
export interface NatsServer {
  url: string;
  start(): Promise<void>;
  /** Ends the process; with `wipe` the disk is lost, too. */
  kill(options?: { wipe?: boolean }): Promise<void>;
  dispose(): Promise<void>;
}

/** True where a nats-server is installed. */
export const natsInstalled = spawnSync("nats-server", ["--version"]).status === 0;

export async function createNatsServer(): Promise<NatsServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "ocelli-nats-"));
  let child: ChildProcess | undefined;
  const server: NatsServer = {
    url: `nats://127.0.0.1:${port}`,
    async start() {
      child = spawn("nats-server", ["-js", "-sd", folder, "-a", "127.0.0.1", "-p", String(port)], {
        stdio: "ignore",
      });
      while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async kill({ wipe = false } = {}) {
      const running = child;
      if (!running) return;
      child = undefined;
      const exited = new Promise((resolve) => running.once("exit", resolve));
      running.kill("SIGKILL");
      await exited;
      if (wipe) rmSync(folder, { recursive: true, force: true });
    },
    async dispose() {
      await server.kill({ wipe: true });
    },
  };
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      if (!address || typeof address === "string") return reject(new Error("no port"));
      probe.close(() => resolve(address.port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
