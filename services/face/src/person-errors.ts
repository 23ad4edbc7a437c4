import { type AppError, type FieldViolation, invalidArgument, notFound } from "@ocelli/chassis";

/** NOT_FOUND/PERSON_NOT_FOUND, alike for unknown persons and for those of others. */
export function personNotFound(): AppError {
  return notFound("PERSON_NOT_FOUND", "There is no such person.");
}

/** NOT_FOUND/FACE_NOT_FOUND, alike for unknown faces and for those of others. */
export function faceNotFound(): AppError {
  return notFound("FACE_NOT_FOUND", "There is no such face.");
}

/** NOT_FOUND/MERGE_NOT_FOUND, alike for unknown merges and for those of others. */
export function mergeNotFound(): AppError {
  return notFound("MERGE_NOT_FOUND", "There is no such merge.");
}

/** INVALID_ARGUMENT/INVALID_MASK. */
export function invalidMask(paths: readonly string[]): AppError {
  return invalid("INVALID_MASK", "The mask cannot be followed.", {
    field: "update_mask",
    description: `must name at least one of ${paths.join(", ")}, and nothing else`,
  });
}

/** INVALID_ARGUMENT/INVALID_COVER. */
export function invalidCover(): AppError {
  return invalid("INVALID_COVER", "This face cannot stand for the person.", {
    field: "cover_face_id",
    description: "must be a face of the person",
  });
}

/** INVALID_ARGUMENT/INVALID_MERGE. */
export function invalidMerge(field: string, description: string): AppError {
  return invalid("INVALID_MERGE", "These persons cannot be merged.", { field, description });
}

/** INVALID_ARGUMENT with one field at fault. */
export function invalid(reason: string, message: string, violation: FieldViolation): AppError {
  return invalidArgument(reason, message, [violation]);
}
