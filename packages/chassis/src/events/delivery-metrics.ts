import type { Metrics } from "../telemetry/metrics.ts";
import type { Delivery } from "./bus.ts";

/** How a delivery ended: handled (or known already), to be delivered again, or given up. */
export type DeliveryOutcome = "done" | "retry" | "dead";

/** Is told of every delivery. */
export interface DeliveryObserver {
  onStarted(delivery: Delivery): void;
  /** Called within the span of the delivery. */
  onEnded(outcome: DeliveryOutcome, seconds: number): void;
}

/** Counts the deliveries of one consumer. */
export function measureDeliveries(metrics: Metrics, consumer: string): DeliveryObserver {
  const { eventSeconds, eventInFlight, eventRedeliveries, eventReplays, deadLettersTotal } = metrics;
  const labels = { consumer };
  // From the start, so that the first one shows as an increase.
  for (const each of [eventRedeliveries, eventReplays, deadLettersTotal]) each.inc(labels, 0);
  return {
    onStarted({ attempt, replay }) {
      eventInFlight.inc(labels);
      if (attempt > 1) eventRedeliveries.inc(labels);
      else if (replay) eventReplays.inc(labels);
    },
    onEnded(outcome, seconds) {
      eventInFlight.dec(labels);
      eventSeconds.observe({ consumer, outcome }, seconds);
      if (outcome === "dead") deadLettersTotal.inc(labels);
    },
  };
}
