import { AppError } from "@ocelli/chassis";
import type { BlobStore, PendingBlob } from "./blobs/blob-store.ts";
import { readMetadata } from "./images/metadata/metadata.ts";
import { type ImageAccess, openImage } from "./images/open-image.ts";
import type { PixelBudget } from "./images/pixel-budget.ts";
import { makeRenditions } from "./images/renditions.ts";
import type { BlobKind, ImageFacts, PhotoLocation } from "./photo.ts";
import type { Places } from "./places/places.ts";
import { createSingleFlight } from "./single-flight.ts";
import type { ReceivedBody } from "./upload-body.ts";
import type { JudgedImage, UploadPolicy } from "./upload-policy.ts";
import { toProblem } from "./upload-problems.ts";

/** What {@link createImageIntake} stands on. */
export interface ImageIntakeOptions {
  blobs: BlobStore;
  slots: PixelBudget;
  access: ImageAccess;
  places: Places;
  policy: UploadPolicy;
  now: () => Date;
}

/** What is known of a picture that may be taken in, and what speaks against it. */
export interface Inspection {
  /** Undefined when it cannot even be opened. */
  image: JudgedImage | undefined;
  /** Refusals, as {@link ImageIntake.stage} would throw them. */
  problems: AppError[];
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
  /**
   * Does what {@link stage} does and keeps nothing.
   * @throws AppError RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL.
   */
  inspect(body: ReceivedBody, file: PendingBlob): Promise<Inspection>;
  /** Whether a picture that was opened before is one of those that are taken. */
  judge(image: JudgedImage): Inspection;
}

interface DecodedImage {
  facts: ImageFacts;
  preview: Uint8Array;
  thumbnail: Uint8Array;
}

const kinds: readonly BlobKind[] = ["original", "preview", "thumbnail"];

/** Creates the intake of images. */
export function createImageIntake(options: ImageIntakeOptions): ImageIntake {
  const { blobs, slots, access, places, policy, now } = options;
  const flights = createSingleFlight<DecodedImage>();

  async function decode({ sha256, sizeBytes }: ReceivedBody, file: PendingBlob): Promise<DecodedImage> {
    slots.assertRoom();
    const image = await openImage(file.path, access);
    policy.assertAllowed(image);
    const renditions = await slots.run(image.cost, () => makeRenditions(image, access.limits));
    const { position, ...metadata } = await readMetadata(image.metadata, now());
    const { mediaType, width, height } = image;
    const location = position && (await locate(position));
    return { facts: { sha256, mediaType, width, height, sizeBytes, ...metadata, location }, ...renditions };
  }

  async function locate(position: { latitude: number; longitude: number }): Promise<PhotoLocation> {
    const place = await places.find(position.latitude, position.longitude);
    return { ...position, ...(place ?? { city: "", region: "", country: "" }) };
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

  const decodeOnce = async (body: ReceivedBody, file: PendingBlob) =>
    (await flights.run(body.sha256, () => decode(body, file))).value;

  const judge = ({ mediaType, width, height }: JudgedImage): Inspection => {
    const image = { mediaType, width, height };
    return { image, problems: policy.problemsOf(image) };
  };

  return {
    judge,
    async inspect(body, file) {
      slots.assertRoom();
      const image = await openImage(file.path, access).catch(toProblem);
      if (image instanceof AppError) return { image: undefined, problems: [image] };
      const judged = judge(image);
      if (judged.problems.length > 0) return judged;
      const decoded = await decodeOnce(body, file).catch(toProblem);
      return decoded instanceof AppError ? { ...judged, problems: [decoded] } : judged;
    },
    async isStored(sha256) {
      const found = await Promise.all(kinds.map((kind) => blobs.has({ sha256, kind })));
      return found.every(Boolean);
    },
    async stage(body, file) {
      const { facts, preview, thumbnail } = await decodeOnce(body, file);
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
