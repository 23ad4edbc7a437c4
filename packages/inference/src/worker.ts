import { parentPort, workerData } from "node:worker_threads";
import type { InferenceSession } from "onnxruntime-node";
import { ModelUnavailable } from "./errors.ts";
import type { ManifestFile } from "./manifest.ts";
import { readVerified } from "./model-files.ts";
import type { WorkerReply, WorkerRequest, WorkerSettings } from "./protocol.ts";
import { assertRuntimeTelemetryOff } from "./telemetry-off.ts";
import { type ReadyTensor, splitOutput, stackTensors } from "./tensors.ts";
import type { Inputs, TensorInput, TensorOutput } from "./types.ts";

// Runs models. InferenceSession.run blocks its thread for the whole run, which is why this is a thread of its own.

assertRuntimeTelemetryOff();
// Imported only now: the library reads the telemetry setting while it loads.
const { default: ort } = await import("onnxruntime-node");

// workerData is untyped; pool.ts is the only one to start this file and always passes WorkerSettings.
const settings = workerData as WorkerSettings;
const port = parentPort;
if (port === null) throw new Error("worker.ts only runs as a worker thread");
const sessions = new Map<string, InferenceSession>();
let tail = Promise.resolve();

port.on("message", (request: WorkerRequest) => {
  tail = tail.then(() => handle(request));
});

async function handle(request: WorkerRequest): Promise<void> {
  if (request.type === "close") {
    for (const session of sessions.values()) await session.release();
    port?.close();
    return;
  }
  try {
    const { reply, transfer } = await (request.type === "load" ? load(request) : run(request));
    port?.postMessage(reply, transfer);
  } catch (error) {
    const known = error instanceof ModelUnavailable;
    const reason = known ? error.reason : "MODEL_RUN_FAILED";
    const message = known ? error.message : `model "${request.model.id}" failed: ${String(error)}`;
    port?.postMessage({ type: "failed", id: request.id, reason, message } satisfies WorkerReply);
  }
}

interface Answer {
  reply: WorkerReply;
  transfer: ArrayBuffer[];
}

async function load(request: { id: number; model: ManifestFile }): Promise<Answer> {
  const started = performance.now();
  await openSession(request.model);
  return { reply: { type: "loaded", id: request.id, loadMs: performance.now() - started }, transfer: [] };
}

async function run(request: Extract<WorkerRequest, { type: "run" }>): Promise<Answer> {
  const arrived = performance.now();
  const session = await openSession(request.model);
  const started = performance.now();
  const feeds = toFeeds(request.items);
  const raw = await session.run(feeds, request.outputs);
  const results = toResults(raw, request.outputs, request.items.length);
  const runMs = performance.now() - started;
  const buffers = results.flatMap((result) => Object.values(result).map((output) => output.data.buffer));
  // slice() in splitOutput always makes plain ArrayBuffers, never shared ones.
  const transfer = buffers.filter((buffer) => buffer instanceof ArrayBuffer);
  return { reply: { type: "ran", id: request.id, results, loadMs: started - arrived, runMs }, transfer };
}

function toFeeds(items: Inputs[]): Record<string, InstanceType<typeof ort.Tensor>> {
  const feeds: Record<string, InstanceType<typeof ort.Tensor>> = {};
  for (const name of Object.keys(items[0] ?? {})) {
    const column = items
      .map((item) => item[name])
      .filter((input): input is TensorInput => input !== undefined);
    feeds[name] = toTensor(stackTensors(column));
  }
  return feeds;
}

function toTensor(tensor: ReadyTensor): InstanceType<typeof ort.Tensor> {
  return tensor.type === "float32"
    ? new ort.Tensor("float32", tensor.data, tensor.dims)
    : new ort.Tensor("int64", tensor.data, tensor.dims);
}

function toResults(
  raw: InferenceSession.OnnxValueMapType,
  names: string[],
  count: number,
): Record<string, TensorOutput>[] {
  const results = Array.from({ length: count }, (): Record<string, TensorOutput> => ({}));
  for (const name of names) {
    const data = raw[name]?.data;
    if (!(data instanceof Float32Array || data instanceof BigInt64Array)) {
      throw new Error(`the output "${name}" is missing or of an unexpected type`);
    }
    const parts = splitOutput({ dims: [...(raw[name]?.dims ?? [])], data }, count);
    parts.forEach((part, index) => {
      const result = results[index];
      if (result !== undefined) result[name] = part;
    });
  }
  return results;
}

async function openSession(model: ManifestFile): Promise<InferenceSession> {
  const open = sessions.get(model.id);
  if (open !== undefined) return open;
  const bytes = await readVerified(model);
  try {
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ["cpu"],
      intraOpNumThreads: settings.threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      // An arena per model never gives back what its largest run took: 220 MB more for two workers, and measured no faster.
      enableCpuMemArena: false,
      enableMemPattern: false,
      extra: { session: { intra_op: { allow_spinning: settings.allowSpinning ? "1" : "0" } } },
    });
    sessions.set(model.id, session);
    return session;
  } catch (cause) {
    const message = `model "${model.id}" (${model.path}) does not load: ${String(cause)}`;
    throw new ModelUnavailable(model.id, "MODEL_LOAD_FAILED", message, { cause });
  }
}
