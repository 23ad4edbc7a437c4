import { createHash } from "node:crypto";
import { collectChunks, invalidArgument, overloaded, withArrivalLimits } from "@ocelli/chassis";
import type { Engine, RgbImage } from "@ocelli/inference";

/** Settings of {@link createRawImageReader}. */
export interface RawImageOptions {
  engine: Engine;
  /** Largest accepted file. */
  maxBytes: number;
  /** Files read or analysed at once; more are refused. */
  maxConcurrent: number;
  /** How long a file may take to arrive: a slow sender holds a place that others wait for. */
  receiveTimeoutMs: number;
}

/** Reads pictures that are analysed but not stored. */
export interface RawImageReader {
  /**
   * Collects the chunks of a file and hands the decoded picture on, at the size stored photos are analysed at, with
   * the bytes it was decoded from.
   * @throws AppError RESOURCE_EXHAUSTED/{FILE_TOO_LARGE,ANALYSIS_BUSY}, INVALID_ARGUMENT/UPLOAD_STALLED, INVALID_ARGUMENT/
   *   {EMPTY_FILE,UNSUPPORTED_MEDIA_TYPE,CORRUPT_IMAGE,TOO_MANY_PIXELS}.
   */
  withImage<T>(
    chunks: AsyncIterable<Uint8Array>,
    use: (image: RgbImage, bytes: Uint8Array) => Promise<T>,
  ): Promise<T>;
}

// Long side of the library's previews: raw pictures get the same treatment as stored ones.
const previewLongSide = 1440;
const busyRetryMs = 1000;

/** Creates a reader; what it holds in memory is at most `maxBytes x maxConcurrent` plus the decoded pictures. */
export function createRawImageReader(options: RawImageOptions): RawImageReader {
  const arrival = { idleMs: options.receiveTimeoutMs, totalMs: options.receiveTimeoutMs };
  let active = 0;
  return {
    async withImage(chunks, use) {
      if (active >= options.maxConcurrent) {
        throw overloaded("ANALYSIS_BUSY", "Too many pictures are being analysed right now.", busyRetryMs);
      }
      active += 1;
      try {
        const bytes = await collectChunks(withArrivalLimits(chunks, arrival), options.maxBytes);
        if (bytes.byteLength === 0) throw invalidArgument("EMPTY_FILE", "The file is empty.");
        const key = createHash("sha256").update(bytes).digest("hex");
        const image = await options.engine.decode(`raw:${key}`, async () => bytes, {
          maxLongSide: previewLongSide,
        });
        return await use(image, bytes);
      } finally {
        active -= 1;
      }
    },
  };
}
