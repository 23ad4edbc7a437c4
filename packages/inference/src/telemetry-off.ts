import { isMainThread } from "node:worker_threads";

/** Setting that onnxruntime reads, through getenv, when its library starts. Its official builds report home by default. */
export const TELEMETRY_SETTING = "ORT_DISABLE_TELEMETRY";

/**
 * Makes sure onnxruntime never calls home. Must run on the main thread before any worker loads the library: only
 * the main thread's `process.env` writes the real environment that native code reads; a worker's is a copy.
 */
export function disableRuntimeTelemetry(): void {
  if (isMainThread) process.env[TELEMETRY_SETTING] = "1";
  else assertRuntimeTelemetryOff();
}

/** Throws when the setting is not in force; called by the worker before it loads the library. */
export function assertRuntimeTelemetryOff(): void {
  if (process.env[TELEMETRY_SETTING] !== "1") {
    throw new Error(`${TELEMETRY_SETTING}=1 must be set on the main thread before onnxruntime loads`);
  }
}
