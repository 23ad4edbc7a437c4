import { DeadlineExceeded, EngineOverloaded, ModelUnavailable } from "./errors.ts";
import type { ManifestModel } from "./manifest.ts";
import { FairQueue, type Queued } from "./queue.ts";
import { RunStats } from "./run-stats.ts";
import type { EngineLog, EngineMetrics, Inputs, RunResult } from "./types.ts";
import { WorkerSlot } from "./worker-slot.ts";

/** One item waiting for a worker. */
export interface PoolEntry extends Queued {
  model: ManifestModel;
  inputs: Inputs;
  outputs: string[];
  transfer: ArrayBuffer[];
  deadlineMs: number | undefined;
  queuedAt: number;
  resolve(result: RunResult): void;
  reject(error: unknown): void;
}

/** Settings of {@link WorkerPool}; `EngineOptions` says what they mean. */
export interface PoolOptions {
  workers: number;
  threadsPerWorker: number;
  queueLimit: number;
  idleRecycleMs: number;
  log: EngineLog | undefined;
  metrics: EngineMetrics;
}

/** Queue plus workers: forms batches from whatever queued while the workers were busy; no timers in the hot path. */
export class WorkerPool {
  readonly stats = new RunStats();
  readonly #options: PoolOptions;
  readonly #slots: WorkerSlot[];
  readonly #queue: FairQueue<PoolEntry>;
  readonly #running = new Set<Promise<void>>();
  readonly #sweeper: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#queue = new FairQueue(options.queueLimit);
    const settings = { threads: options.threadsPerWorker, allowSpinning: options.workers === 1 };
    this.#slots = Array.from({ length: options.workers }, () => new WorkerSlot(settings));
    if (options.idleRecycleMs > 0) {
      const interval = Math.max(50, options.idleRecycleMs / 4);
      this.#sweeper = setInterval(() => this.#recycleIdle(), interval).unref();
    }
  }

  isLoaded(modelId: string): boolean {
    return this.#slots.some((slot) => slot.hasLoaded(modelId));
  }

  /** Takes an entry or throws EngineOverloaded / ModelUnavailable (ENGINE_CLOSED). */
  submit(entry: PoolEntry): void {
    if (this.#closed) throw closedError(entry.modelId);
    if (!this.#queue.push(entry)) {
      this.#options.metrics.dropped?.(entry.modelId, "overloaded");
      const waiting = this.#queue.depth(entry.modelId);
      throw new EngineOverloaded(
        entry.modelId,
        this.stats.estimateMs(entry.modelId, waiting, this.#slots.length),
      );
    }
    this.#observeDepth(entry.modelId);
    this.#dispatch();
  }

  /** Drops a waiting entry; false when it runs already or is done. */
  remove(entry: PoolEntry): boolean {
    const removed = this.#queue.remove(entry);
    if (removed) {
      this.#options.metrics.dropped?.(entry.modelId, "aborted");
      this.#observeDepth(entry.modelId);
    }
    return removed;
  }

  /** Loads the models in every worker; rejects with the first failure. */
  async warm(models: ManifestModel[]): Promise<void> {
    await Promise.all(
      this.#slots.map(async (slot) => {
        for (const model of models) {
          while (slot.busy) await this.#nextFree();
          if (this.#closed) throw closedError(model.id);
          if (!slot.hasLoaded(model.id)) await this.#track(slot.load(model));
        }
      }),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    for (const entry of this.#queue.drain()) entry.reject(closedError(entry.modelId));
    await Promise.allSettled([...this.#running]);
    await Promise.all(this.#slots.map((slot) => slot.recycle()));
  }

  #dispatch(): void {
    while (!this.#closed && this.#queue.size > 0) {
      if (this.#slots.every((slot) => slot.busy)) return;
      const alive = this.#queue.takeBatch().filter((entry) => this.#stillWanted(entry));
      const [first] = alive;
      if (first === undefined) continue;
      this.#observeDepth(first.modelId);
      const slot = this.#chooseSlot(first.modelId);
      if (slot !== undefined) void this.#track(this.#runBatch(slot, first, alive));
    }
  }

  /** A free worker that has the model already, else one that runs already, else any free one. */
  #chooseSlot(modelId: string): WorkerSlot | undefined {
    const free = this.#slots.filter((slot) => !slot.busy);
    return free.find((slot) => slot.hasLoaded(modelId)) ?? free.find((slot) => slot.started) ?? free[0];
  }

  // Dropping late entries here keeps a caller that has given up from costing model time.
  #stillWanted(entry: PoolEntry): boolean {
    if (entry.deadlineMs === undefined || Date.now() < entry.deadlineMs) return true;
    this.#options.metrics.dropped?.(entry.modelId, "deadline");
    entry.reject(new DeadlineExceeded(entry.modelId));
    return false;
  }

  async #runBatch(slot: WorkerSlot, first: PoolEntry, batch: PoolEntry[]): Promise<void> {
    const { model, outputs } = first;
    const sent = performance.now();
    const items = batch.map((entry) => entry.inputs);
    try {
      const reply = await slot.run({
        model,
        items,
        outputs,
        transfer: batch.flatMap((entry) => entry.transfer),
      });
      this.stats.add(model.id, reply.runMs, batch.length);
      this.#options.metrics.runMs?.(model.id, reply.runMs);
      this.#options.metrics.batchSize?.(model.id, batch.length);
      batch.forEach((entry, index) => {
        const queueMs = sent - entry.queuedAt + reply.loadMs;
        this.#options.metrics.queueMs?.(model.id, queueMs);
        const timings = { queueMs, runMs: reply.runMs, batchSize: batch.length };
        entry.resolve({ outputs: reply.results[index] ?? {}, timings });
      });
    } catch (error) {
      this.#reportFailure(model.id, error, batch.length);
      for (const entry of batch) entry.reject(error);
    }
  }

  #reportFailure(modelId: string, error: unknown, items: number): void {
    const reason = error instanceof ModelUnavailable ? error.reason : "unknown";
    this.#options.log?.warn({ modelId, reason, items, err: error }, "model run failed");
    if (reason !== "MODEL_WORKER_LOST") return;
    for (let item = 0; item < items; item++) this.#options.metrics.dropped?.(modelId, "worker_lost");
  }

  /** Remembers running work so that close() can wait for it, and looks for more when it ends. */
  async #track(work: Promise<void>): Promise<void> {
    this.#running.add(work);
    try {
      await work;
    } finally {
      this.#running.delete(work);
      this.#dispatch();
    }
  }

  async #nextFree(): Promise<void> {
    await Promise.race([...this.#running].map((work) => work.catch(() => undefined)));
  }

  #recycleIdle(): void {
    const oldest = performance.now() - this.#options.idleRecycleMs;
    for (const slot of this.#slots) {
      if (slot.busy || !slot.started || slot.idleSince > oldest) continue;
      this.#options.log?.info({ idleMs: this.#options.idleRecycleMs }, "idle model worker recycled");
      void this.#track(slot.recycle());
    }
  }

  #observeDepth(modelId: string): void {
    this.#options.metrics.queueDepth?.(modelId, this.#queue.depth(modelId));
  }
}

function closedError(modelId: string): ModelUnavailable {
  return new ModelUnavailable(modelId, "ENGINE_CLOSED", "the inference engine is shutting down");
}
