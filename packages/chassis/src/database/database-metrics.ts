import type { Metrics } from "../telemetry/metrics.ts";
import type { Sample } from "../telemetry/sampling.ts";
import type { Database, QueryObserver } from "./database.ts";

/** Measures the queries of a store. */
export function measureQueries(metrics: Pick<Metrics, "dbQuerySeconds">, store: string): QueryObserver {
  return (operation, outcome, seconds) =>
    metrics.dbQuerySeconds.observe({ store, operation, outcome }, seconds);
}

/** Reads how full the pool of a store is. */
export function samplePool(
  metrics: Pick<Metrics, "dbPoolConnections" | "dbPoolMax" | "dbPoolWaiting">,
  store: string,
  database: Pick<Database<unknown>, "pool">,
): Sample {
  return () => {
    const { open, idle, waiting, max } = database.pool();
    metrics.dbPoolConnections.set({ store, state: "used" }, open - idle);
    metrics.dbPoolConnections.set({ store, state: "idle" }, idle);
    metrics.dbPoolWaiting.set({ store }, waiting);
    metrics.dbPoolMax.set({ store }, max);
  };
}
