import { type AppError, type FieldViolation, invalidArgument } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { isMoment, type PhotoFilter, type PhotoOrder } from "../photo-filter.ts";
import type { PageRequest } from "../photos.ts";
import type { PhotoPatch } from "../store/photo-changes.ts";

const { PhotoChange, PhotoOrder: Order } = libraryV1;

const orders: Partial<Record<libraryV1.PhotoOrder, PhotoOrder>> = {
  [Order.PHOTO_ORDER_UNSPECIFIED]: { by: "added", descending: true },
  [Order.PHOTO_ORDER_ADDED_DESC]: { by: "added", descending: true },
  [Order.PHOTO_ORDER_ADDED_ASC]: { by: "added", descending: false },
  [Order.PHOTO_ORDER_TAKEN_DESC]: { by: "taken", descending: true },
  [Order.PHOTO_ORDER_TAKEN_ASC]: { by: "taken", descending: false },
};

/**
 * The page that a request asks for.
 * @throws AppError INVALID_ARGUMENT/INVALID_ORDER.
 */
export function toPageRequest(request: libraryV1.ListPhotosRequest): PageRequest {
  const order = orders[request.order];
  if (!order) {
    throw invalidArgument("INVALID_ORDER", "There is no such order.", [
      { field: "order", description: "must be one of PhotoOrder" },
    ]);
  }
  const { pageSize, pageToken } = request;
  return { pageSize, pageToken, order, filter: toFilter(request.filter) };
}

/** Empty texts restrict as little as absent ones. */
function toFilter(filter: libraryV1.PhotoFilter | undefined): PhotoFilter {
  if (!filter) return { trashed: false };
  const { takenFrom, takenUntil, favorite, hasFaces, hidden, trashed } = filter;
  return {
    ...present({ albumId: filter.albumId.toLowerCase(), camera: filter.camera, place: filter.place }),
    ...present({ mediaType: filter.mediaType, failedStage: filter.failedStage }),
    ...present({ takenFrom, takenUntil, favorite, hasFaces, hidden }),
    trashed,
  };
}

/** The fields that say something. */
function present<T extends Record<string, unknown>>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const said = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
  // The entries are those of `fields`, which `fromEntries` forgets.
  return Object.fromEntries(said) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

const maxTitle = 200;
const maxDescription = 5_000;
const maxOffsetMinutes = 1_080;

/**
 * What a request wants different of a photo.
 * @throws AppError INVALID_ARGUMENT/INVALID_PHOTO_CHANGE.
 */
export function toPatch(request: libraryV1.UpdatePhotoRequest): PhotoPatch {
  const mask = request.updateMask ?? [];
  const wrong = violationsOf(request, mask);
  if (wrong.length > 0) throw invalidChange("The photo cannot be changed so.", wrong);
  const has = (path: string) => mask.includes(path);
  const { title, description, favorite, hidden, takenAt, takenAtOffsetMinutes } = request;
  return {
    ...(has("title") ? { title: title.trim() } : {}),
    ...(has("description") ? { description: description.trim() } : {}),
    ...(has("favorite") ? { favorite } : {}),
    ...(has("hidden") ? { hidden } : {}),
    ...(has("taken_at")
      ? { takenAt: takenAt ? { at: takenAt, offsetMinutes: takenAtOffsetMinutes ?? null } : null }
      : {}),
  };
}

const paths: readonly string[] = ["title", "description", "favorite", "hidden", "taken_at"];

function violationsOf(request: libraryV1.UpdatePhotoRequest, mask: string[]): FieldViolation[] {
  const { takenAt, takenAtOffsetMinutes: offset } = request;
  const offsetFits =
    offset === undefined || (Number.isInteger(offset) && Math.abs(offset) <= maxOffsetMinutes);
  const checks: [field: string, ok: boolean, description: string][] = [
    [
      "update_mask",
      mask.length > 0 && mask.length <= paths.length && mask.every((path) => paths.includes(path)),
      `must name at least one of ${paths.join(", ")}, and nothing else`,
    ],
    ["title", isLine(request.title), `must have at most ${maxTitle} characters on one line`],
    [
      "description",
      isText(request.description),
      `must have at most ${maxDescription} characters, of control characters only line breaks and tabs`,
    ],
    ["taken_at", isMoment(takenAt), "must be a moment of the years 1 to 9999"],
    [
      "taken_at_offset_minutes",
      offsetFits && (offset === undefined || (takenAt !== undefined && mask.includes("taken_at"))),
      `must be from -${maxOffsetMinutes} to ${maxOffsetMinutes} and goes with taken_at`,
    ],
  ];
  return checks.flatMap(([field, ok, description]) => (ok ? [] : [{ field, description }]));
}

function isLine(text: string): boolean {
  return [...text.trim()].length <= maxTitle && !/[\p{Cc}\u2028\u2029]/u.test(text.trim());
}

function isText(text: string): boolean {
  return [...text.trim()].length <= maxDescription && !/[^\P{Cc}\t\n\r]/u.test(text);
}

/** What a bulk change does: delete, or a patch. */
export type BulkChange = "delete" | PhotoPatch;

const bulkChanges: Partial<Record<libraryV1.PhotoChange, BulkChange>> = {
  [PhotoChange.PHOTO_CHANGE_DELETE]: "delete",
  [PhotoChange.PHOTO_CHANGE_TRASH]: { trashed: true },
  [PhotoChange.PHOTO_CHANGE_RESTORE]: { trashed: false },
  [PhotoChange.PHOTO_CHANGE_FAVORITE]: { favorite: true },
  [PhotoChange.PHOTO_CHANGE_UNFAVORITE]: { favorite: false },
  [PhotoChange.PHOTO_CHANGE_HIDE]: { hidden: true },
  [PhotoChange.PHOTO_CHANGE_UNHIDE]: { hidden: false },
};

const maxPhotos = 1_000;

/**
 * What a request wants done to many photos.
 * @throws AppError INVALID_ARGUMENT/INVALID_PHOTO_CHANGE.
 */
export function toBulkChange({ photoIds, change }: libraryV1.ChangePhotosRequest): BulkChange {
  const found = bulkChanges[change];
  const countFits = photoIds.length >= 1 && photoIds.length <= maxPhotos;
  if (found && countFits) return found;
  throw invalidChange("The photos cannot be changed so.", [
    ...(countFits ? [] : [{ field: "photo_ids", description: `must be 1 to ${maxPhotos} ids` }]),
    ...(found ? [] : [{ field: "change", description: "must be one of PhotoChange" }]),
  ]);
}

/**
 * The hashes that a request asks for, each once.
 * @throws AppError INVALID_ARGUMENT/INVALID_SHA256.
 */
export function toHashes({ sha256 }: libraryV1.FindExistingRequest): string[] {
  const fits = sha256.length >= 1 && sha256.length <= maxPhotos;
  if (fits && sha256.every((hash) => /^[0-9a-f]{64}$/.test(hash))) return [...new Set(sha256)];
  throw invalidArgument("INVALID_SHA256", "The hashes cannot be looked for.", [
    { field: "sha256", description: `must be 1 to ${maxPhotos} SHA-256 in lower-case hex` },
  ]);
}

function invalidChange(message: string, violations: FieldViolation[]): AppError {
  return invalidArgument("INVALID_PHOTO_CHANGE", message, violations);
}
