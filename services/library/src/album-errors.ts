import {
  type AppError,
  type FieldViolation,
  failedPrecondition,
  invalidArgument,
  notFound,
  permissionDenied,
} from "@ocelli/chassis";

/** NOT_FOUND/ALBUM_NOT_FOUND, alike for unknown albums and for those of others. */
export function albumNotFound(): AppError {
  return notFound("ALBUM_NOT_FOUND", "There is no such album.");
}

/** PERMISSION_DENIED/ALBUM_ROLE_REQUIRED: for who may see the album, but not do this. */
export function albumRoleRequired(): AppError {
  return permissionDenied("ALBUM_ROLE_REQUIRED", "Your role in this album does not allow this.");
}

/** FAILED_PRECONDITION/TOO_DEEP. */
export function tooDeep(maxDepth: number): AppError {
  return failedPrecondition("TOO_DEEP", `Albums may lie at most ${maxDepth} deep.`);
}

/** INVALID_ARGUMENT/INVALID_ALBUM with the fields at fault. */
export function invalidAlbum(violations: FieldViolation[]): AppError {
  return invalidArgument("INVALID_ALBUM", "The album's details are not valid.", violations);
}
