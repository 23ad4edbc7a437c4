import { invalidArgument, isUuid, permissionDenied } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { Searcher } from "./searcher.ts";
import {
  byCamera,
  inAlbum,
  inPlace,
  isFavorite,
  ofType,
  within,
  withLabel,
  withPerson,
} from "./store/conditions.ts";
import type { DocumentCondition } from "./vectors.ts";

const maxListed = 20;
const maxCharacters = 100;

/**
 * The conditions of a filter; none when it does not restrict.
 * @throws AppError INVALID_ARGUMENT/INVALID_FILTER naming the field at fault, PERMISSION_DENIED/SCOPE_REQUIRED for
 *   persons whom the searcher may not know.
 */
export function compileFilter(
  { ownerId, mayKnowPeople }: Searcher,
  filter: searchV1.SearchFilter | undefined,
): DocumentCondition[] {
  if (!filter) return [];
  const { albumId, personIds, labels, takenFrom, takenUntil, mediaType, camera, place, favorite } = filter;
  if (personIds.length > 0 && !mayKnowPeople) throw peopleRequired();
  assertList("person_ids", personIds);
  assertList("labels", labels);
  for (const [field, text] of Object.entries({ media_type: mediaType, camera, place }))
    assertText(field, text);
  for (const label of labels) assertText("labels", label);
  if (takenFrom && takenUntil && takenFrom >= takenUntil)
    throw invalidFilter("taken_until", "must be after taken_from");
  return [
    ...(albumId ? [inAlbum(ownerId, [parseId("album_id", albumId)])] : []),
    ...personIds.map((personId) => withPerson(ownerId, [parseId("person_ids", personId)])),
    ...labels.map((label) => withLabel(label)),
    ...(takenFrom || takenUntil ? [within({ from: moment(takenFrom), until: moment(takenUntil) })] : []),
    ...(mediaType ? [ofType(mediaType)] : []),
    ...(camera ? [byCamera(camera)] : []),
    ...(place ? [inPlace(place)] : []),
    ...(favorite === undefined ? [] : [isFavorite(favorite)]),
  ];
}

function assertList(field: string, list: readonly unknown[]): void {
  if (list.length > maxListed) throw invalidFilter(field, `must have at most ${maxListed} entries`);
}

function assertText(field: string, text: string): void {
  // Postgres takes no NUL in a text.
  if (text.length > maxCharacters || /\p{Cc}/u.test(text))
    throw invalidFilter(field, `must have at most ${maxCharacters} printable characters`);
}

function parseId(field: string, id: string): string {
  const lower = id.toLowerCase();
  if (!isUuid(lower)) throw invalidFilter(field, "must be an id");
  return lower;
}

/** Postgres knows years up to 294276, JavaScript a little fewer; neither has use for more than four digits. */
function moment(instant: Date | undefined): Date | undefined {
  if (!instant) return undefined;
  const year = instant.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw invalidFilter("taken_from", "must lie in the years 0 to 9999");
  return instant;
}

function peopleRequired() {
  return permissionDenied(
    "SCOPE_REQUIRED",
    "Searching by person needs the scope people, which the access token does not hold.",
  );
}

/** INVALID_ARGUMENT/INVALID_FILTER. */
export function invalidFilter(field: string, description: string) {
  return invalidArgument("INVALID_FILTER", "The filter cannot be used.", [{ field, description }]);
}
