import { AppError } from "@ocelli/chassis";

/** True for the error of a photo that was deleted meanwhile. */
export function isPhotoGone(error: unknown): boolean {
  return AppError.from(error).reason === "PHOTO_NOT_FOUND";
}
