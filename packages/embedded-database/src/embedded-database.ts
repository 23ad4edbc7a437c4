import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { removeStaleSockets, socketFolderPrefix, socketName } from "./stale-sockets.ts";

/** Settings handed to the worker thread that runs Postgres. */
export interface WorkerSettings {
  dataDir: string | undefined;
  socketPath: string;
  maxConnections: number;
}

/** What the worker thread tells its parent. */
export type WorkerMessage = { type: "ready" } | { type: "closed" } | { type: "failed"; message: string };

/** A running embedded Postgres (PGlite with pgvector) that the ordinary `pg` driver connects to. */
export interface EmbeddedDatabase {
  /** Connection string over a Unix socket that only this user can reach. */
  readonly url: string;
  /** Flushes and stops; resolves when the data directory is closed. */
  close(): Promise<void>;
}

/** The embedded database could not start; the message says what is wrong with the data directory. */
export class EmbeddedDatabaseError extends Error {
  override readonly name = "EmbeddedDatabaseError";
}

/** Settings of {@link startEmbeddedDatabase}. */
export interface EmbeddedDatabaseOptions {
  /** Where the data lies; absent keeps everything in memory. */
  dataDir?: string;
  /** Most simultaneous connections; they share one backend session. */
  maxConnections?: number;
  /** Called when the database stops by itself; the process cannot go on. */
  onCrash?: (error: Error) => void;
}

/**
 * Starts Postgres in a worker thread. All connections share ONE backend session: no session state (`SET` without
 * `LOCAL`, advisory session locks, `LISTEN`) may be used.
 *
 * @throws EmbeddedDatabaseError when the data directory is unusable.
 */
export async function startEmbeddedDatabase(
  options: EmbeddedDatabaseOptions = {},
): Promise<EmbeddedDatabase> {
  if (options.dataDir) mkdirSync(options.dataDir, { recursive: true });
  // Socket paths are limited to 108 bytes, so it lives in the temporary directory, in a folder only we can enter.
  const socketDir = mkdtempSync(join(tmpdir(), socketFolderPrefix));
  // Beside the start, which does not wait for it: nothing here depends on what others left behind.
  void removeStaleSockets(tmpdir()).catch(() => undefined);
  const settings: WorkerSettings = {
    dataDir: options.dataDir,
    socketPath: join(socketDir, socketName),
    maxConnections: options.maxConnections ?? 64,
  };
  const worker = new Worker(new URL("./database-worker.ts", import.meta.url), { workerData: settings });
  let closing = false;
  let crash = new Error("the embedded database stopped by itself");
  worker.on("error", (error) => {
    crash = error instanceof Error ? error : new Error(String(error));
  });
  const removeSocket = () => rmSync(socketDir, { recursive: true, force: true });
  await waitUntilReady(worker, options.dataDir).catch((error: unknown) => {
    removeSocket();
    throw error;
  });
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      if (!closing) options.onCrash?.(crash);
      resolve();
    });
  });
  return {
    url: `postgresql://postgres@localhost/postgres?host=${encodeURIComponent(socketDir)}`,
    async close() {
      if (!closing) {
        closing = true;
        worker.postMessage("close");
      }
      await exited;
      removeSocket();
    },
  };
}

function waitUntilReady(worker: Worker, dataDir: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      void worker.terminate();
      reject(new EmbeddedDatabaseError(`embedded database${dataDir ? ` in ${dataDir}` : ""}: ${reason}`));
    };
    worker.once("error", (error) => fail(error instanceof Error ? error.message : String(error)));
    worker.once("exit", () => fail("it stopped while starting"));
    worker.once("message", (message: WorkerMessage) => {
      if (message.type === "failed") fail(message.message);
      else resolve();
    });
  });
}
