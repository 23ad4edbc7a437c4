import { isMarkedAsUntransferable } from "node:worker_threads";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { SharedCache } from "./cache.ts";
import { DeadlineExceeded, InputInvalid, ModelUnavailable } from "./errors.ts";
import { configureSharp, decodeImage } from "./images.ts";
import type { Manifest, ManifestModel } from "./manifest.ts";
import { readVerified } from "./model-files.ts";
import { type PoolEntry, WorkerPool } from "./pool.ts";
import { disableRuntimeTelemetry } from "./telemetry-off.ts";
import { assertInputs, isStackable, shapeKey } from "./tensors.ts";
import type {
  DecodeOptions,
  Engine,
  EngineMetrics,
  EngineOptions,
  Inputs,
  ModelStatus,
  RgbImage,
  RunOptions,
  RunResult,
} from "./types.ts";

/** Default bytes kept of decoded pictures, and of shared results: about nine previews of 1440 x 1080. */
const DEFAULT_CACHE_BYTES = 40 * 1024 * 1024;
/** Default largest picture, in pixels. */
const DEFAULT_MAX_PIXELS = 50_000_000;

/**
 * Starts an engine. Cheap: no thread starts and no file is read before the first run (`warm` does it ahead).
 * Must be called on the main thread, where it switches onnxruntime's telemetry off for the whole process.
 */
export function createEngine(options: EngineOptions): Engine {
  disableRuntimeTelemetry();
  configureSharp();
  return new InferenceEngine(options);
}

class InferenceEngine implements Engine {
  readonly #manifest: Manifest;
  readonly #models: Map<string, ManifestModel>;
  readonly #pool: WorkerPool;
  readonly #metrics: EngineMetrics;
  readonly #maxPixels: number;
  readonly #images: SharedCache;
  readonly #results: SharedCache;
  readonly #texts = new SharedCache({ maxBytes: 16 * 1024 * 1024, maxEntries: 64 });
  readonly #tracer = trace.getTracer("@ocelli/inference");

  constructor(options: EngineOptions) {
    const maxBytes = options.cacheBytes ?? DEFAULT_CACHE_BYTES;
    this.#manifest = options.manifest;
    this.#models = new Map(options.manifest.models.map((model) => [model.id, model]));
    this.#metrics = options.metrics ?? {};
    this.#maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
    this.#images = new SharedCache({ maxBytes, maxEntries: 64 });
    // Results are small; what they are kept for is the other services of the process, which ask within seconds.
    this.#results = new SharedCache({ maxBytes: maxBytes / 4, maxEntries: 4096 });
    const { workers, threadsPerWorker, queueLimit, idleRecycleMs = 0, log } = options;
    for (const [name, value] of Object.entries({ workers, threadsPerWorker, queueLimit })) {
      if (!Number.isInteger(value) || value < 1)
        throw new RangeError(`${name} must be a whole number from 1`);
    }
    this.#pool = new WorkerPool({
      workers,
      threadsPerWorker,
      queueLimit,
      idleRecycleMs,
      log,
      metrics: this.#metrics,
    });
  }

  async run(modelId: string, inputs: Inputs, options: RunOptions = {}): Promise<RunResult> {
    const model = this.model(modelId);
    // A span carries what identifies and times the run, never pixels or embeddings.
    const attributes = { "ocelli.model.id": model.id, "ocelli.model.version": model.version };
    const span = this.#tracer.startSpan(`model.run ${model.id}`, { attributes }, context.active());
    try {
      const result = await this.#enqueue(model, inputs, options);
      span.setAttribute("ocelli.batch.size", result.timings.batchSize);
      span.setAttribute("ocelli.queue.ms", result.timings.queueMs);
      span.setAttribute("ocelli.run.ms", result.timings.runMs);
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.name : "aborted";
      span.setAttribute("error.type", message);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      span.end();
    }
  }

  decode(key: string, load: () => Promise<Uint8Array>, options: DecodeOptions = {}): Promise<RgbImage> {
    const limits = { ...options, maxPixels: this.#maxPixels };
    // The size is part of what is kept: a caller that wants all pixels must not get another's smaller copy.
    const kept = `${options.maxLongSide ?? "full"}/${key}`;
    return this.#images.get(kept, async () => decodeImage(key, await load(), limits));
  }

  once<T>(key: string, compute: () => Promise<T>): Promise<T> {
    return this.#results.get(key, compute);
  }

  model(modelId: string): ManifestModel {
    const model = this.#models.get(modelId);
    if (model !== undefined) return model;
    const known = [...this.#models.keys()].join(", ");
    throw new ModelUnavailable(
      modelId,
      "MODEL_UNKNOWN",
      `no model "${modelId}" in ${this.#manifest.path} (${known})`,
    );
  }

  models(): ModelStatus[] {
    return this.#manifest.models.map(({ id, task, version, licence }) => {
      const loaded = this.#pool.isLoaded(id);
      return { id, task, version, licence, loaded, meanMs: this.#pool.stats.meanMs(id) };
    });
  }

  data(dataId: string): Promise<string> {
    const file = this.#manifest.data.find((entry) => entry.id === dataId);
    if (file === undefined) {
      const message = `no data file "${dataId}" in ${this.#manifest.path}`;
      return Promise.reject(new ModelUnavailable(dataId, "MODEL_UNKNOWN", message));
    }
    return this.#texts.get(dataId, async () => new TextDecoder().decode(await readVerified(file)));
  }

  async warm(modelIds: string[]): Promise<void> {
    await this.#pool.warm(modelIds.map((id) => this.model(id)));
  }

  async close(): Promise<void> {
    await this.#pool.close();
    this.#images.clear();
    this.#results.clear();
  }

  #enqueue(model: ManifestModel, inputs: Inputs, options: RunOptions): Promise<RunResult> {
    assertInputs(model, inputs);
    const outputs = options.outputs ?? Object.keys(model.outputs);
    const strange = outputs.find((name) => model.outputs[name] === undefined);
    if (strange !== undefined) throw new InputInvalid(`model "${model.id}" has no output "${strange}"`);
    options.signal?.throwIfAborted();
    if (options.deadlineMs !== undefined && options.deadlineMs <= Date.now()) {
      this.#metrics.dropped?.(model.id, "deadline");
      throw new DeadlineExceeded(model.id);
    }
    const stackable = model.maxBatch > 1 && options.batch !== false && isStackable(inputs);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        if (this.#pool.remove(entry)) entry.reject(options.signal?.reason);
      };
      const done = (): void => options.signal?.removeEventListener("abort", onAbort);
      const entry: PoolEntry = {
        modelId: model.id,
        model,
        batchKey: stackable ? `${shapeKey(inputs)}>${outputs.join()}` : null,
        maxBatch: model.maxBatch,
        inputs,
        outputs,
        transfer: options.consume === true ? transferable(inputs) : [],
        deadlineMs: options.deadlineMs,
        queuedAt: performance.now(),
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      this.#pool.submit(entry);
      options.signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** Buffers that belong wholly to one input; views into larger or foreign memory are copied instead. */
function transferable(inputs: Inputs): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(inputs)) {
    const { buffer } = data;
    const whole = buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength;
    if (whole && !isMarkedAsUntransferable(buffer)) buffers.add(buffer);
  }
  return [...buffers];
}
