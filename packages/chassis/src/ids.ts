import { notFound } from "./errors/errors.ts";

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for the canonical lower-case form of a UUID. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/**
 * The photo id of a request. What is no id at all is answered like an unknown one.
 * @throws AppError NOT_FOUND/PHOTO_NOT_FOUND.
 */
export function parsePhotoId(text: string): string {
  if (!isUuid(text)) throw notFound("PHOTO_NOT_FOUND", "There is no such photo.");
  return text;
}
