import type { RecordedSpan } from "@ocelli/chassis";

/**
 * Which service a span belongs to, as it says itself: the one that answers a call, publishes or consumes. `undefined` for
 * what happens within another span, which belongs to the same service.
 */
export function ownService({ name, kind, attributes }: RecordedSpan): string | undefined {
  if (kind === "server") {
    if ("http.request.method" in attributes) return "gateway";
    return /\bocelli\.(\w+)\.v\d+\./.exec(name)?.[1];
  }
  if (kind === "producer") return /\bocelli\.(\w+)\./.exec(name)?.[1];
  // Consumers are named `<service>-<what for>`.
  if (kind === "consumer") return /^\w+/.exec(String(attributes["messaging.consumer.group.name"] ?? ""))?.[0];
  return undefined;
}

/** Name for what no service is known of, e.g. calls that a process makes for itself. */
export const unknownService = "process";
