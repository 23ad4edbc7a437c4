import { AppError } from "@ocelli/chassis";
import { Status } from "nice-grpc-common";

/** A full disk is no fault of ours to hide: the caller is told, and that a later try may succeed. */
export function rejectStorage(error: unknown): never {
  const code = codeOf(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
  throw new AppError({
    code: Status.RESOURCE_EXHAUSTED,
    reason: "STORAGE_FULL",
    message: "There is no room left to store photos.",
    retryAfterMs: 60_000,
    cause: error,
  });
}

/** Undefined for a file that is not there; throws anything else. */
export function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) === "ENOENT") return undefined;
  throw error;
}

/** UNAVAILABLE/BLOB_STORE_UNAVAILABLE: what keeps the blobs does not answer, or not in time. */
export function storeUnavailable(cause: unknown): AppError {
  return new AppError({
    code: Status.UNAVAILABLE,
    reason: "BLOB_STORE_UNAVAILABLE",
    message: "The store of photos does not answer; try again in a moment.",
    retryAfterMs: 5_000,
    cause,
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
