import type { Metrics } from "../telemetry/metrics.ts";
import type { Sample } from "../telemetry/sampling.ts";
import type { EventBus } from "./bus.ts";

/** Reads the queues of this process's consumers; replicas read the same ones where a broker keeps them. */
export function sampleQueues(
  bus: Pick<EventBus, "queues">,
  metrics: Pick<Metrics, "queuePending" | "queueUnacked" | "queueOldest">,
): Sample {
  return async () => {
    for (const { consumer, pending, unacked, oldestMs } of await bus.queues()) {
      metrics.queuePending.set({ consumer }, pending);
      metrics.queueUnacked.set({ consumer }, unacked);
      metrics.queueOldest.set({ consumer }, oldestMs / 1000);
    }
  };
}
