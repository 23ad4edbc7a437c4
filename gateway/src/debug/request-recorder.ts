import { createSpanRecorder, type SpanRecorder } from "@ocelli/chassis";

// Probes, metrics and the debug pages themselves come all the time and tell nothing.
const unremarkable = /^\/(?:health|ready|metrics|debug\/.*)$/;

/** A recorder of the last requests, to give to `startTracing` and to the gateway. */
export function createRequestRecorder(): SpanRecorder {
  return createSpanRecorder({
    worth({ attributes }) {
      const path = attributes["url.path"];
      // What a process does by itself, such as asking for revocations every few seconds.
      if (path === undefined) return "minor";
      return unremarkable.test(String(path)) ? "none" : "full";
    },
  });
}
