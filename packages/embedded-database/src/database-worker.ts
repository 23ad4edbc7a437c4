import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import type { WorkerMessage, WorkerSettings } from "./embedded-database.ts";

if (!parentPort) throw new Error("database-worker.ts runs only as a worker thread");
const port = parentPort;
// The parent is the only one who starts this file, with exactly these settings.
const settings = workerData as WorkerSettings;

function send(message: WorkerMessage): void {
  port.postMessage(message);
}

try {
  const database = await PGlite.create({
    ...(settings.dataDir ? { dataDir: settings.dataDir } : {}),
    extensions: { vector },
  });
  const server = new PGLiteSocketServer({
    db: database,
    path: settings.socketPath,
    maxConnections: settings.maxConnections,
  });
  await server.start();
  port.once("message", async () => {
    await server.stop().catch(() => undefined);
    await database.close().catch(() => undefined);
    send({ type: "closed" });
    port.close();
  });
  send({ type: "ready" });
} catch (error) {
  send({ type: "failed", message: error instanceof Error ? error.message : String(error) });
}
