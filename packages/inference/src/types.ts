import type { Manifest, ManifestModel } from "./manifest.ts";

/** Upright, sRGB, 8-bit picture; `data` is HWC, RGB, 0..255, and must not be written to (it is shared by callers). */
export interface RgbImage {
  key: string;
  width: number;
  height: number;
  data: Uint8Array;
}

/** 8-bit pixels (HWC, RGB) that the worker turns into float32: `(v - mean) / std` per channel, in `order`. */
export interface PixelInput {
  type: "pixels";
  /** Dims of the resulting tensor: [1,3,H,W] for nchw, [1,H,W,3] for nhwc. */
  dims: number[];
  data: Uint8Array;
  layout: "nchw" | "nhwc";
  /** Channel order of the resulting tensor; `mean` and `std` are in this order too. */
  order: "rgb" | "bgr";
  mean: [number, number, number];
  std: [number, number, number];
}

/** One input of a model; `data` fills `dims` exactly. */
export type TensorInput =
  | { type: "float32"; dims: number[]; data: Float32Array }
  | { type: "int64"; dims: number[]; data: BigInt64Array }
  | PixelInput;

/** All inputs of one item, by the names of the manifest. */
export type Inputs = Record<string, TensorInput>;

/** One output of a model for one item; the memory is the caller's own. */
export interface TensorOutput {
  dims: number[];
  data: Float32Array | BigInt64Array;
}

/** How one item is run. */
export interface RunOptions {
  /** Epoch milliseconds after which the answer is worthless; waiting entries past it are dropped unrun. */
  deadlineMs?: number;
  /** Aborting removes a waiting entry at once; a model that is already running is not interrupted. */
  signal?: AbortSignal;
  /** Only these outputs are fetched (default: all the manifest lists). */
  outputs?: string[];
  /** false: never joined with other entries. */
  batch?: boolean;
  /** true: the engine may take the inputs' memory (it becomes unusable to the caller) instead of copying it. */
  consume?: boolean;
}

/** Where the time of one run went. */
export interface RunTimings {
  /** Milliseconds from `run` to the start of the model, loading included. */
  queueMs: number;
  /** Milliseconds of the model itself (of the whole batch), tensor preparation included. */
  runMs: number;
  batchSize: number;
}

/** What a model said of one item. */
export interface RunResult {
  outputs: Record<string, TensorOutput>;
  timings: RunTimings;
}

/** A model as shown to operators. */
export interface ModelStatus {
  id: string;
  task: string;
  version: string;
  licence: string;
  /** At least one worker holds a session of it now. */
  loaded: boolean;
  /** Mean milliseconds per item of all runs so far; null before the first. */
  meanMs: number | null;
}

/** Callbacks for Prometheus or the like; called synchronously, so they must be quick. */
export interface EngineMetrics {
  queueDepth?(modelId: string, depth: number): void;
  batchSize?(modelId: string, size: number): void;
  runMs?(modelId: string, ms: number): void;
  queueMs?(modelId: string, ms: number): void;
  dropped?(modelId: string, reason: "overloaded" | "deadline" | "aborted" | "worker_lost"): void;
}

/** The few calls of a pino logger that the engine uses. */
export interface EngineLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Settings of `createEngine`. */
export interface EngineOptions {
  manifest: Manifest;
  /** Worker threads; workers x threadsPerWorker should not exceed the cores the process may use. */
  workers: number;
  threadsPerWorker: number;
  /** Entries that may wait per model; one more is refused with EngineOverloaded. */
  queueLimit: number;
  /** Replace a worker that did nothing for so long, giving its memory back. 0 or absent: never. */
  idleRecycleMs?: number;
  /** Largest picture `decode` accepts, in pixels (default 50 million). */
  maxPixels?: number;
  /** Bytes kept of recently decoded pictures (default 40 MB); a quarter as much of `once` results. */
  cacheBytes?: number;
  log?: EngineLog;
  metrics?: EngineMetrics;
}

/** How `decode` treats a picture. */
export interface DecodeOptions {
  /** Larger pictures are shrunk while decoding, so that their long side has this many pixels; never enlarged. */
  maxLongSide?: number;
}

/** One per process, shared by all models and services. */
export interface Engine {
  /**
   * Runs one model on one item. Entries that queued meanwhile for the same model and the same input shapes are
   * batched where the manifest's maxBatch allows it and every input has leading dimension 1.
   * Inputs are copied unless `consume` is set. Rejects: EngineOverloaded, DeadlineExceeded, ModelUnavailable,
   * InputInvalid, or the signal's reason.
   */
  run(modelId: string, inputs: Inputs, options?: RunOptions): Promise<RunResult>;
  /**
   * Decodes once, upright, sRGB, 8-bit RGB, alpha dropped; concurrent and recent requests for the same key share
   * the work. Rejects: ImageUnreadable, or what `load` rejects with.
   */
  decode(key: string, load: () => Promise<Uint8Array>, options?: DecodeOptions): Promise<RgbImage>;
  /** Shares one computation among concurrent callers of a key and keeps recent results; failures are not kept. */
  once<T>(key: string, compute: () => Promise<T>): Promise<T>;
  /** Throws ModelUnavailable (MODEL_UNKNOWN). */
  model(modelId: string): ManifestModel;
  models(): ModelStatus[];
  /** Text of a data file of the manifest (vocabulary, class list), checked against its sha256 and kept. */
  data(dataId: string): Promise<string>;
  /** Loads the models into every worker, so that the first request need not. */
  warm(modelIds: string[]): Promise<void>;
  /** Refuses new work, lets running work finish, rejects waiting work (ENGINE_CLOSED), ends the workers. */
  close(): Promise<void>;
}
