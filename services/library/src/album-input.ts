import { invalidArgument, isUuid } from "@ocelli/chassis";
import { albumNotFound, invalidAlbum } from "./album-errors.ts";
import type { SharedRole } from "./store/album-tables.ts";

const maxNameLength = 200;
const maxDescriptionLength = 5_000;
const maxPhotosAtOnce = 1_000;

/** Album id of a request. What is no id at all is answered like an unknown one. */
export function parseAlbumId(text: string): string {
  if (!isUuid(text)) throw albumNotFound();
  return text;
}

/** The album above; empty is the top. */
export function parseParentId(text: string): string | null {
  return text === "" ? null : parseAlbumId(text);
}

/** @throws AppError INVALID_ARGUMENT/INVALID_ALBUM. */
export function parseName(text: string): string {
  const name = text.trim();
  if (name !== "" && isText(name, maxNameLength) && !/\p{Cc}/u.test(name)) return name;
  throw invalidAlbum([
    { field: "name", description: `must have 1 to ${maxNameLength} characters, no control among them` },
  ]);
}

/** @throws AppError INVALID_ARGUMENT/INVALID_ALBUM. */
export function parseDescription(text: string): string {
  if (isText(text, maxDescriptionLength)) return text;
  throw invalidAlbum([
    { field: "description", description: `must have at most ${maxDescriptionLength} characters` },
  ]);
}

/** Empty means none. @throws AppError INVALID_ARGUMENT/INVALID_ALBUM. */
export function parseRequestId(text: string): string | null {
  if (text === "") return null;
  if (isUuid(text)) return text;
  throw invalidAlbum([{ field: "request_id", description: "must be a UUID" }]);
}

/** Distinct ids; what is none is passed over like unknown ones. @throws AppError INVALID_ARGUMENT/INVALID_PHOTO_IDS. */
export function parsePhotoIds(ids: readonly string[]): string[] {
  if (ids.length > 0 && ids.length <= maxPhotosAtOnce) return [...new Set(ids.filter(isUuid))];
  throw invalidArgument("INVALID_PHOTO_IDS", `Name 1 to ${maxPhotosAtOnce} photos.`, [
    { field: "photo_ids", description: `must be 1 to ${maxPhotosAtOnce} ids` },
  ]);
}

/** @throws AppError INVALID_ARGUMENT/INVALID_SHARE. */
export function parseSharedRole(text: string): SharedRole {
  if (text === "viewer" || text === "contributor") return text;
  throw invalidArgument("INVALID_SHARE", "The role must be viewer or contributor.", [
    { field: "role", description: "must be viewer or contributor" },
  ]);
}

/** PostgreSQL has no NUL in text, and half a surrogate pair would become another character. */
function isText(text: string, max: number): boolean {
  return text.length <= 2 * max && [...text].length <= max && text.isWellFormed() && !text.includes("\0");
}
