import { invalidArgument } from "@ocelli/chassis";
import { z } from "zod";

const maxFilename = 1024;
const albumIdSchema = z.uuid().toLowerCase();

/** What an upload says of itself. */
export interface UploadMetadata {
  filename: string;
  /** Empty for none. */
  albumId: string;
}

/**
 * Reads the metadata of an upload: `filename` (or `name`, as some clients say) and `albumId`; others are not kept.
 * @throws AppError INVALID_ARGUMENT/INVALID_UPLOAD_METADATA.
 */
export function readMetadata(metadata: Record<string, string | null> | undefined): UploadMetadata {
  const filename = metadata?.filename ?? metadata?.name ?? "";
  if (!filename.isWellFormed() || filename.includes("\0")) throw invalid("filename", "must be plain text");
  if (!metadata?.albumId) return { filename: filename.slice(0, maxFilename), albumId: "" };
  const albumId = albumIdSchema.safeParse(metadata.albumId);
  if (!albumId.success) throw invalid("albumId", "must be a UUID");
  return { filename: filename.slice(0, maxFilename), albumId: albumId.data };
}

function invalid(field: string, description: string) {
  return invalidArgument("INVALID_UPLOAD_METADATA", "The metadata of the upload is not valid.", [
    { field, description },
  ]);
}
