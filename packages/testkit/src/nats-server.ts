import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.ts";

/** A real nats-server with JetStream, on a free loopback port and a store of its own. */
export interface NatsServer {
  readonly url: string;
  /** Its process; undefined while there is none. */
  pid(): number | undefined;
  /** Starts it, also again after {@link NatsServer.kill}: same port, same store. */
  start(): Promise<void>;
  /** Ends the process at once; with `wipe` the disk is lost, too. */
  kill(options?: { wipe?: boolean }): Promise<void>;
  /** Ends it and removes its store. */
  dispose(): Promise<void>;
}

/** Settings of {@link createNatsServer}. */
export interface NatsServerOptions {
  /** Folder in which it makes its store; the system's temporary one when absent. */
  parent?: string;
}

/** True where a nats-server is on PATH. */
export const natsInstalled = spawnSync("nats-server", ["--version"]).status === 0;

const startTimeoutMs = 20_000;

/** A server that is not started yet. */
export async function createNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(options.parent ?? tmpdir(), "ocelli-nats-"));
  let child: ChildProcess | undefined;
  const onExit = () => {
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", onExit);
  const server: NatsServer = {
    url: `nats://127.0.0.1:${port}`,
    pid: () => (child?.exitCode === null && child.signalCode === null ? child.pid : undefined),
    async start() {
      child = spawn("nats-server", ["-js", "-sd", folder, "-a", "127.0.0.1", "-p", String(port)], {
        stdio: "ignore",
      });
      await waitUntilReady(child, port);
    },
    async kill({ wipe = false } = {}) {
      if (child) await end(child);
      child = undefined;
      if (wipe) rmSync(folder, { recursive: true, force: true });
    },
    async dispose() {
      await server.kill({ wipe: true });
      process.off("exit", onExit);
    },
  };
  return server;
}

/** A started server. */
export async function startNatsServer(): Promise<NatsServer> {
  const server = await createNatsServer();
  await server.start();
  return server;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

async function waitUntilReady(child: ChildProcess, port: number): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await greets(port))) {
    if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode} while starting`);
    if (Date.now() > deadline) {
      await end(child);
      throw new Error(`nats-server did not start within ${startTimeoutMs} ms`);
    }
    await delay(20);
  }
}

/** The server speaks first, once it is ready. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
