import type { InferenceReason } from "./errors.ts";
import type { ManifestFile } from "./manifest.ts";
import type { Inputs, TensorOutput } from "./types.ts";

/** What a worker is started with. */
export interface WorkerSettings {
  threads: number;
  /** Spinning wastes the cores of the other workers; it only pays for a single worker. */
  allowSpinning: boolean;
}

/** Main thread to worker. One request at a time; the worker answers each with one reply of the same `id`. */
export type WorkerRequest =
  | { type: "load"; id: number; model: ManifestFile }
  | { type: "run"; id: number; model: ManifestFile; items: Inputs[]; outputs: string[] }
  | { type: "close" };

/** Answer to a `run` request. */
export interface RunReply {
  type: "ran";
  id: number;
  /** One record per item, in order. */
  results: Record<string, TensorOutput>[];
  /** Milliseconds spent loading the session (0 when it was there) and preparing plus running. */
  loadMs: number;
  runMs: number;
}

/** Worker to main thread. */
export type WorkerReply =
  | RunReply
  | { type: "loaded"; id: number; loadMs: number }
  | { type: "failed"; id: number; reason: InferenceReason; message: string };
