import { Worker } from "node:worker_threads";
import { ModelUnavailable } from "./errors.ts";
import type { ManifestFile, ManifestModel } from "./manifest.ts";
import type { RunReply, WorkerReply, WorkerRequest, WorkerSettings } from "./protocol.ts";
import type { Inputs } from "./types.ts";

/** What goes to a worker for one batch. */
export interface WorkerJob {
  model: ManifestModel;
  items: Inputs[];
  outputs: string[];
  transfer: ArrayBuffer[];
}

interface Pending {
  id: number;
  modelId: string;
  resolve(reply: WorkerReply): void;
  reject(error: Error): void;
}

/**
 * One place in the pool: a worker thread that is started when first needed, given one request at a time, replaced
 * after a crash, and let go by `recycle` so that the memory of its sessions returns to the system.
 * Only a running request keeps the process alive; an idle thread is unref'd.
 */
export class WorkerSlot {
  readonly #settings: WorkerSettings;
  readonly #loaded = new Set<string>();
  #thread: Worker | null = null;
  #pending: Pending | null = null;
  #nextId = 1;
  /** When the last request ended, in `performance.now()` milliseconds. */
  idleSince = performance.now();

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
  }

  get busy(): boolean {
    return this.#pending !== null;
  }

  get started(): boolean {
    return this.#thread !== null;
  }

  hasLoaded(modelId: string): boolean {
    return this.#loaded.has(modelId);
  }

  /** Rejects ModelUnavailable; MODEL_WORKER_LOST (retryable) when the thread died meanwhile. */
  async run(job: WorkerJob): Promise<RunReply> {
    const { model, items, outputs, transfer } = job;
    const request = { type: "run", id: this.#nextId++, model: fileOf(model), items, outputs } as const;
    const reply = await this.#ask(request, transfer);
    if (reply.type !== "ran") throw new Error(`unexpected worker reply ${reply.type}`);
    return reply;
  }

  async load(model: ManifestModel): Promise<void> {
    await this.#ask({ type: "load", id: this.#nextId++, model: fileOf(model) }, []);
  }

  /** Ends the thread (after its current request); the next request starts a new one. */
  async recycle(): Promise<void> {
    const thread = this.#thread;
    if (thread === null) return;
    this.#thread = null;
    this.#loaded.clear();
    const ended = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
    thread.ref();
    thread.postMessage({ type: "close" } satisfies WorkerRequest);
    await ended;
  }

  async #ask(
    request: Exclude<WorkerRequest, { type: "close" }>,
    transfer: ArrayBuffer[],
  ): Promise<WorkerReply> {
    const thread = this.#thread ?? this.#start();
    const modelId = request.model.id;
    const reply = await new Promise<WorkerReply>((resolve, reject) => {
      // Throws for memory that cannot be sent (given away twice): the place must not count as busy then.
      thread.postMessage(request, transfer);
      thread.ref();
      this.#pending = { id: request.id, modelId, resolve, reject };
    });
    if (reply.type === "failed") throw new ModelUnavailable(modelId, reply.reason, reply.message);
    this.#loaded.add(modelId);
    return reply;
  }

  #start(): Worker {
    const thread = new Worker(new URL("./worker.ts", import.meta.url), { workerData: this.#settings });
    thread.on("message", (reply: WorkerReply) => {
      if (this.#pending?.id === reply.id) this.#settle((pending) => pending.resolve(reply));
    });
    let cause: unknown;
    thread.on("error", (error) => {
      cause = error;
    });
    thread.on("exit", () => {
      if (this.#thread !== thread) return;
      this.#thread = null;
      this.#loaded.clear();
      this.#settle((pending) => pending.reject(lost(pending.modelId, cause)));
    });
    this.#thread = thread;
    return thread;
  }

  #settle(how: (pending: Pending) => void): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.#thread?.unref();
    this.idleSince = performance.now();
    how(pending);
  }
}

function fileOf(model: ManifestModel): ManifestFile {
  const { id, path, sha256, bytes, licence, source } = model;
  return { id, path, sha256, bytes, licence, source };
}

function lost(modelId: string, cause: unknown): ModelUnavailable {
  const message = `the worker running model "${modelId}" ended unexpectedly; it is restarted, try again`;
  return new ModelUnavailable(modelId, "MODEL_WORKER_LOST", message, { cause, retryable: true });
}
