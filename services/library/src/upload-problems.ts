import { AppError } from "@ocelli/chassis";

/**
 * The refusal of a file as something to tell.
 * @throws what is no refusal of a file.
 */
export function toProblem(error: unknown): AppError {
  if (error instanceof AppError && fileReasons.has(error.reason)) return error;
  throw error;
}

const fileReasons: ReadonlySet<string> = new Set([
  "EMPTY_FILE",
  "FILE_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "CORRUPT_IMAGE",
  "TOO_MANY_PIXELS",
  "MEDIA_TYPE_NOT_ALLOWED",
  "IMAGE_TOO_SMALL",
  "IMAGE_TOO_LARGE",
]);
