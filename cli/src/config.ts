import { availableParallelism } from "node:os";
import {
  optionalSetting,
  processSettings,
  type SettingsValues,
  setting,
  settingTypes,
} from "@ocelli/chassis";

const { duration, integer, oneOf, text } = settingTypes;

const cores = availableParallelism();

/** Settings of the model engine, one per process. */
export const engineSettings = {
  models: optionalSetting("OCELLI_MODELS", text(4096), {
    doc: "Folder or manifest file of the models to load.",
    defaultDoc: "the starter models",
  }),
  workers: setting("OCELLI_WORKERS", integer(1, 64), {
    default: Math.max(1, Math.min(cores, 4)),
    defaultDoc: "cores, at most 4",
    doc: "Worker threads that run models. Each holds its own copy of the models it has used.",
  }),
  threadsPerWorker: setting("OCELLI_WORKER_THREADS", integer(1, 64), {
    default: Math.max(1, Math.floor(cores / Math.min(cores, 4))),
    defaultDoc: "cores / workers",
    doc: "Threads each worker computes with. In a container set it to the CPU limit / workers.",
  }),
  engineQueue: setting("OCELLI_ENGINE_QUEUE", integer(1, 100_000), {
    default: 1024,
    doc: "Model runs that may wait per model; more are refused.",
  }),
  idleRecycleMs: setting("OCELLI_MODEL_IDLE", duration, {
    default: 300_000,
    defaultDoc: "5m",
    doc: "A worker idle for so long is ended, which gives its memory back; 0s never.",
  }),
};

/** Settings of `ocelli up` and `ocelli serve`. */
export const settings = {
  dataDir: setting("OCELLI_DATA", text(4096), {
    default: ".ocelli",
    doc: "Folder of everything Ocelli stores: embedded database, photos, events.",
  }),
  events: setting("OCELLI_EVENTS", oneOf(["auto", "nats", "in-process"]), {
    default: "auto",
    doc: "How events travel without NATS_URL: auto starts a nats-server found on PATH, else keeps them in the process. `ocelli serve` needs NATS_URL or in-process.",
  }),
  debugTraces: setting("DEBUG_TRACES", settingTypes.flag, {
    default: false,
    doc: "Keeps the last requests in memory and shows them as waterfalls at `/debug/traces`, to this machine and to administrators. Behind a proxy on the same machine set PUBLIC_URL or TRUSTED_PROXIES: else everybody may count as this machine, since not every proxy says that it is one.",
  }),
  ...engineSettings,
  ...processSettings,
};

/** Values of {@link settings}. */
export type ProcessConfig = SettingsValues<typeof settings>;
