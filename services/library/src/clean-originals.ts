import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { BlobStore, ByteRange, OpenBlob, PendingBlob } from "./blobs/blob-store.ts";
import { copyOf, notSatisfiable } from "./contents.ts";
import { openImage, toImageError } from "./images/open-image.ts";
import { createPixelBudget } from "./images/pixel-budget.ts";
import { type Imaging, queueFull } from "./imaging.ts";

/** Originals as others than their owners get them: full size and upright, but without what cameras wrote beside. */
export interface CleanOriginals {
  /**
   * Encodes the original anew: lossless formats of screens (PNG, GIF) as PNG, everything else as JPEG of quality 95,
   * both in sRGB. No library removes metadata of all formats without touching the picture, so it is made again.
   * @throws AppError OUT_OF_RANGE/RANGE_NOT_SATISFIABLE, RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL, and as `openImage`; the caller closes the blob.
   */
  open(sha256: string, range?: ByteRange): Promise<{ mediaType: string; blob: OpenBlob }>;
}

/** What {@link createCleanOriginals} stands on. */
export interface CleanOriginalsOptions {
  blobs: BlobStore;
  imaging: Pick<Imaging, "access" | "slots">;
}

// Visitors share one place among them and wait behind each other, not before those who take photos in.
const waitingAtMost = 16;
const chunkBytes = 64 * 1024;
const lossless = new Set(["image/png", "image/gif"]);

/** Creates {@link CleanOriginals}. */
export function createCleanOriginals({ blobs, imaging }: CleanOriginalsOptions): CleanOriginals {
  const turn = createPixelBudget({ pixels: 1, concurrency: 1, queueLimit: waitingAtMost, onFull: queueFull });

  async function encode(sha256: string, target: PendingBlob): Promise<string> {
    const original = await copyOf(blobs, sha256);
    try {
      const image = await openImage(original.path, imaging.access);
      const asPng = lossless.has(image.mediaType);
      await imaging.slots.run(image.cost, async () => {
        const pipeline = (await image.decode()).toColourspace("srgb");
        const encoded = asPng
          ? pipeline.png()
          : pipeline.flatten({ background: "#ffffff" }).jpeg({ quality: 95 });
        for await (const chunk of encoded) await target.write(chunk);
      });
      return asPng ? "image/png" : "image/jpeg";
    } catch (error) {
      throw toImageError(error, imaging.access.limits);
    } finally {
      await original.discard();
    }
  }

  return {
    async open(sha256, range) {
      const target = await blobs.createPending();
      try {
        const mediaType = await turn.run(1, () => encode(sha256, target));
        return { mediaType, blob: await openPending(target, range) };
      } catch (error) {
        await target.discard();
        throw error;
      }
    },
  };
}

async function openPending(file: PendingBlob, range: ByteRange = { offset: 0 }): Promise<OpenBlob> {
  const { size } = await stat(file.path);
  const { offset, length = size } = range;
  if (offset > 0 && offset >= size) throw notSatisfiable(size);
  return {
    sizeBytes: size,
    async *chunks() {
      const end = Math.min(size, offset + length) - 1;
      yield* createReadStream(file.path, { start: offset, end, highWaterMark: chunkBytes });
    },
    close: () => file.discard(),
  };
}
