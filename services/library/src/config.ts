import { availableParallelism } from "node:os";
import { callerSettings, type SettingsValues, serviceSettings, setting, settingTypes } from "@ocelli/chassis";
import { albumSettings } from "./settings/album-settings.ts";
import { blobSettings } from "./settings/blob-settings.ts";
import { jobSettings } from "./settings/jobs.ts";
import { photoSettings } from "./settings/photo-settings.ts";
import { uploadSettings } from "./settings/upload-settings.ts";
import { webhookSettings } from "./settings/webhook-settings.ts";

const { byteSize, duration, integer } = settingTypes;

/** Settings of the library service. */
export const settings = {
  ...serviceSettings("library", 7002),
  ...callerSettings("library"),
  ...blobSettings,
  ...uploadSettings,
  maxUploadBytes: setting("MAX_UPLOAD_BYTES", byteSize, {
    default: 100_000_000,
    defaultDoc: "100mb",
    doc: "Largest photo; longer uploads are cut off while they stream.",
  }),
  maxImagePixels: setting("MAX_IMAGE_PIXELS", integer(1, 2_000_000_000), {
    default: 250_000_000,
    doc: "Largest width times height; checked in the header, before anything is decoded.",
  }),
  decodeConcurrency: setting("DECODE_CONCURRENCY", integer(1, 64), {
    // Node's thread pool has four threads, and file access needs one too.
    default: Math.max(1, Math.min(3, availableParallelism())),
    defaultDoc: "CPU cores, at most 3",
    doc: "Photos decoded at once.",
  }),
  decodePixelBudget: setting("DECODE_PIXEL_BUDGET", integer(1, 4_000_000_000), {
    default: 250_000_000,
    doc: "Pixels decoded at once; bounds memory (up to 4 bytes each). A HEIC photo counts three times, a larger photo is decoded alone.",
  }),
  decodeTimeoutMs: setting("DECODE_TIMEOUT", duration, {
    default: 30_000,
    defaultDoc: "30s",
    doc: "A photo that takes longer to decode is refused.",
  }),
  ingestQueue: setting("INGEST_QUEUE", integer(0, 100_000), {
    default: 64,
    doc: "Uploads that may wait for decoding; more are refused with INGEST_QUEUE_FULL.",
  }),
  interactiveBacklog: setting("INTERACTIVE_BACKLOG", integer(1, 1_000_000), {
    default: 128,
    doc: "Uploads that wait for live results are refused with ANALYSIS_BACKLOG_FULL while this many photos are unfinished.",
  }),
  maxStageAttempts: setting("MAX_STAGE_ATTEMPTS", integer(1, 1000), {
    default: 25,
    doc: "Attempts of a stage, over restarts, after which its photo is given up: it may be what ends the process.",
  }),
  quotaBytes: setting("QUOTA_BYTES", byteSize, {
    default: 0,
    doc: "Most bytes of originals a user may have; 0 is unlimited. Administrators can set another figure per user.",
  }),
  quotaPhotos: setting("QUOTA_PHOTOS", integer(0, 999_999_999_999_999), {
    default: 0,
    doc: "Most photos a user may have; 0 is unlimited. Administrators can set another figure per user.",
  }),
  uploadConcurrency: setting("UPLOAD_CONCURRENCY", integer(1, 100_000), {
    default: 2048,
    doc: "Upload bodies received at once; each holds one chunk in memory.",
  }),
  uploadIdleTimeoutMs: setting("UPLOAD_IDLE_TIMEOUT", duration, {
    default: 30_000,
    defaultDoc: "30s",
    doc: "An upload that sends nothing for this long is dropped.",
  }),
  ...photoSettings,
  ...albumSettings,
  ...jobSettings,
  ...webhookSettings,
};

/** Values of {@link settings}. */
export type LibraryConfig = SettingsValues<typeof settings>;
