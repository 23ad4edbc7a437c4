import type { BlobStore, PendingBlob } from "./blobs/blob-store.ts";
import { readExif } from "./images/exif.ts";
import { type DecodeLimits, openImage } from "./images/open-image.ts";
import type { PixelBudget } from "./images/pixel-budget.ts";
import { makeRenditions } from "./images/renditions.ts";
import type { BlobKind, ImageFacts } from "./photo.ts";
import { createSingleFlight } from "./single-flight.ts";
import type { ReceivedBody } from "./upload-body.ts";

/** What {@link createImageIntake} stands on. */
export interface ImageIntakeOptions {
  blobs: BlobStore;
  slots: PixelBudget;
  limits: DecodeLimits;
  now: () => Date;
}

/** An image whose files are durable and wait to be placed. */
export interface StagedImage {
  facts: ImageFacts;
  /** Places the files where they are found: cheap, for it happens while others wait. */
  place(): Promise<void>;
  /** Removes what was not placed. */
  discard(): Promise<void>;
}

/** Turns received bytes into files and facts; the decoding is done once per distinct bytes, whoever sends them. */
export interface ImageIntake {
  /** True when original and renditions are there. */
  isStored(sha256: string): Promise<boolean>;
  /**
   * Decodes an image and makes its files ready.
   * @throws AppError INVALID_ARGUMENT/{UNSUPPORTED_MEDIA_TYPE,CORRUPT_IMAGE,TOO_MANY_PIXELS},
   *   RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL; nothing is left then.
   */
  stage(body: ReceivedBody, file: PendingBlob): Promise<StagedImage>;
}

interface DecodedImage {
  facts: ImageFacts;
  preview: Uint8Array;
  thumbnail: Uint8Array;
}

const kinds: readonly BlobKind[] = ["original", "preview", "thumbnail"];

/** Creates the intake of images. */
export function createImageIntake({ blobs, slots, limits, now }: ImageIntakeOptions): ImageIntake {
  const flights = createSingleFlight<DecodedImage>();

  async function decode({ sha256, sizeBytes, head }: ReceivedBody, file: PendingBlob): Promise<DecodedImage> {
    slots.assertRoom();
    const image = await openImage(file.path, head, limits);
    const renditions = await slots.run(image.width * image.height, () => makeRenditions(image, limits));
    const { takenAt, fields } = await readExif(image.exif, now());
    const { mediaType, width, height } = image;
    return { facts: { sha256, mediaType, width, height, sizeBytes, takenAt, exif: fields }, ...renditions };
  }

  async function pendingWith(bytes: Uint8Array): Promise<PendingBlob> {
    const pending = await blobs.createPending();
    try {
      await pending.write(bytes);
      await pending.sync();
      return pending;
    } catch (error) {
      await pending.discard();
      throw error;
    }
  }

  return {
    async isStored(sha256) {
      const found = await Promise.all(kinds.map((kind) => blobs.has({ sha256, kind })));
      return found.every(Boolean);
    },
    async stage(body, file) {
      const { facts, preview, thumbnail } = (await flights.run(body.sha256, () => decode(body, file))).value;
      const staged = await allOrNone([
        file.sync().then(() => file),
        pendingWith(preview),
        pendingWith(thumbnail),
      ]);
      const [original, ...renditions] = staged.map((pending, index) => () => {
        const kind = kinds[index];
        return kind && pending.commit({ sha256: body.sha256, kind });
      });
      return {
        facts,
        async place() {
          // The original comes last: where it is, its renditions are too.
          await Promise.all(renditions.map((commit) => commit()));
          await original?.();
        },
        discard: () => discardAll(staged),
      };
    },
  };
}

/** Waits for all; when one failed, nothing stays of the others. */
async function allOrNone(parts: Promise<PendingBlob>[]): Promise<PendingBlob[]> {
  try {
    return await Promise.all(parts);
  } catch (error) {
    const settled = await Promise.allSettled(parts);
    await discardAll(settled.flatMap((part) => (part.status === "fulfilled" ? [part.value] : [])));
    throw error;
  }
}

async function discardAll(parts: readonly PendingBlob[]): Promise<void> {
  await Promise.all(parts.map((part) => part.discard()));
}
