import { type AppError, overloaded, type Runtime } from "@ocelli/chassis";
import type { BlobStore } from "./blobs/blob-store.ts";
import { createImageIntake, type ImageIntake } from "./image-intake.ts";
import { createHeicDecoder } from "./images/heic/heic-decoder.ts";
import type { ImageAccess } from "./images/open-image.ts";
import { createPixelBudget, type PixelBudget } from "./images/pixel-budget.ts";
import { createPlaces } from "./places/places.ts";
import { createUploadPolicy, type UploadPolicySettings } from "./upload-policy.ts";

/** Bounds of everything that opens pictures; see the settings of the same names. */
export interface ImagingLimits extends UploadPolicySettings {
  maxUploadBytes: number;
  maxImagePixels: number;
  decodeTimeoutMs: number;
  decodeConcurrency: number;
  decodePixelBudget: number;
  ingestQueue: number;
}

/** What {@link createImaging} stands on. */
export interface ImagingOptions extends Pick<Runtime, "log" | "now"> {
  blobs: BlobStore;
  limits: ImagingLimits;
}

/** Everything that opens pictures, under one set of limits and one budget of pixels. */
export interface Imaging {
  access: ImageAccess;
  slots: PixelBudget;
  intake: ImageIntake;
  close(): Promise<void>;
}

const queueRetryAfterMs = 1_000;

/** Creates what opens pictures. */
export function createImaging({ blobs, limits, log, now }: ImagingOptions): Imaging {
  const decoding = {
    maxBytes: limits.maxUploadBytes,
    maxPixels: limits.maxImagePixels,
    timeoutMs: limits.decodeTimeoutMs,
  };
  const access: ImageAccess = { limits: decoding, heic: createHeicDecoder(decoding) };
  const slots = createPixelBudget({
    pixels: limits.decodePixelBudget,
    concurrency: limits.decodeConcurrency,
    queueLimit: limits.ingestQueue,
    onFull: queueFull,
  });
  const policy = createUploadPolicy(limits);
  const intake = createImageIntake({ blobs, slots, access, places: createPlaces(log), policy, now });
  return { access, slots, intake, close: () => access.heic.close() };
}

/** RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL. */
export function queueFull(): AppError {
  return overloaded(
    "INGEST_QUEUE_FULL",
    "Too many photos are being taken in; try again in a moment.",
    queueRetryAfterMs,
  );
}
