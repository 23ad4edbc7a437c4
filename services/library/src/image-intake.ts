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

/** Turns received bytes into stored blobs and facts, once per distinct bytes whoever sends them. */
export interface ImageIntake {
  /**
   * Stores original and renditions; `known` facts of the same bytes spare the decode.
   * @throws AppError INVALID_ARGUMENT/{UNSUPPORTED_MEDIA_TYPE,CORRUPT_IMAGE,TOO_MANY_PIXELS},
   *   RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL; no blob is stored then.
   */
  store(body: ReceivedBody, file: PendingBlob, known: ImageFacts | undefined): Promise<ImageFacts>;
}

const kinds: readonly BlobKind[] = ["original", "preview", "thumbnail"];

/** Creates the intake of images. */
export function createImageIntake({ blobs, slots, limits, now }: ImageIntakeOptions): ImageIntake {
  const flights = createSingleFlight<ImageFacts>();

  async function isStored(sha256: string): Promise<boolean> {
    const found = await Promise.all(kinds.map((kind) => blobs.has({ sha256, kind })));
    return found.every(Boolean);
  }

  async function decodeAndStore(
    { sha256, sizeBytes, head }: ReceivedBody,
    file: PendingBlob,
  ): Promise<ImageFacts> {
    slots.assertRoom();
    const image = await openImage(file.path, head, limits);
    const { preview, thumbnail } = await slots.run(image.width * image.height, () =>
      makeRenditions(image, limits),
    );
    const { takenAt, fields } = await readExif(image.exif, now());
    // The original comes last: where it is, its renditions are too.
    await Promise.all([
      blobs.put({ sha256, kind: "preview" }, preview),
      blobs.put({ sha256, kind: "thumbnail" }, thumbnail),
    ]);
    await file.commit({ sha256, kind: "original" });
    const { mediaType, width, height } = image;
    return { sha256, mediaType, width, height, sizeBytes, takenAt, exif: fields };
  }

  return {
    async store(body, file, known) {
      if (known && (await isStored(body.sha256))) return known;
      return (await flights.run(body.sha256, () => decodeAndStore(body, file))).value;
    },
  };
}
