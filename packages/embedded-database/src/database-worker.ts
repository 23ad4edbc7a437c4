import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { vector } from "@electric-sql/pglite-pgvector";
import type { WorkerMessage, WorkerSettings } from "./embedded-database.ts";
import { keepEmptyCluster, readEmptyCluster } from "./empty-cluster.ts";
import { serveProtocol } from "./protocol-server.ts";

if (!parentPort) throw new Error("database-worker.ts runs only as a worker thread");
const port = parentPort;
// The parent is the only one who starts this file, with exactly these settings.
const settings = workerData as WorkerSettings;

function send(message: WorkerMessage): void {
  port.postMessage(message);
}

try {
  const { dataDir } = settings;
  const kept = dataDir ? undefined : await readEmptyCluster();
  const database = await PGlite.create({
    ...(dataDir ? { dataDir } : {}),
    ...(kept ? { loadDataDir: kept } : {}),
    extensions: { vector, pg_trgm },
  });
  if (!dataDir && !kept) await keepEmptyCluster(database);
  const server = await serveProtocol({
    database,
    socketPath: settings.socketPath,
    maxConnections: settings.maxConnections,
    idleInTransactionMs: 60_000,
  });
  port.once("message", async () => {
    await server.close().catch(() => undefined);
    await database.close().catch(() => undefined);
    send({ type: "closed" });
    port.close();
  });
  send({ type: "ready" });
} catch (error) {
  send({ type: "failed", message: error instanceof Error ? error.message : String(error) });
}
