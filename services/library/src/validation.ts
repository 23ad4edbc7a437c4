import { AppError, type Database } from "@ocelli/chassis";
import type { PendingBlob } from "./blobs/blob-store.ts";
import type { ImageIntake, Inspection } from "./image-intake.ts";
import { fits, type Quotas, quotaExceeded } from "./quotas.ts";
import type { Reception } from "./reception.ts";
import { findBytes } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";
import { type ReceivedBody, receiveBody } from "./upload-body.ts";
import { toProblem } from "./upload-problems.ts";

/** What {@link createValidation} stands on. */
export interface ValidationOptions {
  database: Database<LibraryTables>;
  reception: Reception;
  intake: Pick<ImageIntake, "isStored" | "inspect" | "judge">;
  quotas: Pick<Quotas, "usageOf">;
  maxUploadBytes: number;
}

/** What an upload of some bytes would come to. */
export interface Verdict {
  /** As far as known. */
  image: Inspection["image"];
  /** Bytes received. */
  sizeBytes: number;
  /** Undefined when the file was too large. */
  sha256: string | undefined;
  /** The owner's photo of these bytes. */
  duplicateOf: string | undefined;
  /** What an upload would be refused with. */
  problems: AppError[];
}

/** Says what an upload would come to. */
export interface Validation {
  /**
   * Does all that an upload does, decoding included and under the same bounds, and stores nothing.
   * @throws AppError for what says nothing of the file: RESOURCE_EXHAUSTED/INGEST_QUEUE_FULL, a stream that breaks.
   */
  validate(ownerId: string, chunks: AsyncIterable<Uint8Array>): Promise<Verdict>;
}

/** Creates the judge of uploads. */
export function createValidation(options: ValidationOptions): Validation {
  const { database, reception, intake, quotas, maxUploadBytes } = options;

  async function judge(ownerId: string, body: ReceivedBody, file: PendingBlob): Promise<Verdict> {
    const { sizeBytes, sha256 } = body;
    const known = await findBytes(database.db, ownerId, sha256);
    const verdict = { sizeBytes, sha256, duplicateOf: known.photoId };
    if (known.photoId !== undefined) return { ...verdict, image: known.image, problems: [] };
    const room = fits(await quotas.usageOf(ownerId), sizeBytes) ? [] : [quotaExceeded()];
    const inspection =
      known.image && (await intake.isStored(sha256))
        ? intake.judge(known.image)
        : await intake.inspect(body, file);
    return { ...verdict, image: inspection.image, problems: [...inspection.problems, ...room] };
  }

  return {
    validate(ownerId, chunks) {
      return reception.receive(ownerId, async (file) => {
        let sizeBytes = 0;
        async function* counted() {
          for await (const chunk of chunks) {
            sizeBytes += chunk.byteLength;
            yield chunk;
          }
        }
        const limits = { maxBytes: maxUploadBytes, quotaBytes: Number.POSITIVE_INFINITY };
        const body = await receiveBody(counted(), file, limits).catch(toProblem);
        if (!(body instanceof AppError)) return judge(ownerId, body, file);
        return { image: undefined, sizeBytes, sha256: undefined, duplicateOf: undefined, problems: [body] };
      });
    },
  };
}
