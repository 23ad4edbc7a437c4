import { faceV1 } from "@ocelli/contracts";
import type { PeoplePageRequest, PersonPatch } from "../people.ts";
import { invalid, invalidMask, personNotFound } from "../person-errors.ts";
import type { PersonOrder } from "../store/people-views.ts";

const { PersonOrder: Order } = faceV1;

const orders: Partial<Record<faceV1.PersonOrder, PersonOrder>> = {
  [Order.PERSON_ORDER_UNSPECIFIED]: "favorites",
  [Order.PERSON_ORDER_FACES_DESC]: "faces",
  [Order.PERSON_ORDER_NAME_ASC]: "name",
};

/** The page that a request asks for. @throws AppError INVALID_ARGUMENT/INVALID_ORDER. */
export function toPeoplePage(request: faceV1.ListPeopleRequest): PeoplePageRequest {
  const order = orders[request.order];
  if (!order) {
    throw invalid("INVALID_ORDER", "There is no such order.", {
      field: "order",
      description: "must be one of PersonOrder",
    });
  }
  const { pageSize, pageToken, query, named, hidden } = request;
  return { pageSize, pageToken, query, named, hidden, order };
}

const personPaths = ["name", "hidden", "favorite", "cover_face_id", "birth_date"] as const;
type PersonPath = (typeof personPaths)[number];

/**
 * Whom a request wants changed, and how. Without a mask, the fields that say something are those to change (AIP-134).
 * @throws AppError INVALID_ARGUMENT/INVALID_MASK, NOT_FOUND/PERSON_NOT_FOUND when it names nobody.
 */
export function toPersonPatch(request: faceV1.UpdatePersonRequest): { personId: string; patch: PersonPatch } {
  if (!request.person) throw personNotFound();
  const { id, name, hidden, favorite, coverFaceId, birthDate } = request.person;
  const mask = request.updateMask ?? [];
  if (mask.some((path) => !(personPaths as readonly string[]).includes(path))) throw invalidMask(personPaths);
  const has = (path: PersonPath, value: string | boolean) =>
    mask.length > 0 ? mask.includes(path) : value !== "" && value !== false;
  const patch = {
    ...(has("name", name) ? { name } : {}),
    ...(has("hidden", hidden) ? { hidden } : {}),
    ...(has("favorite", favorite) ? { favorite } : {}),
    ...(has("cover_face_id", coverFaceId) ? { coverFaceId } : {}),
    ...(has("birth_date", birthDate) ? { birthDate } : {}),
  };
  if (Object.keys(patch).length === 0) throw invalidMask(personPaths);
  return { personId: id, patch };
}

/** Whether a request wants faces processed. @throws AppError INVALID_ARGUMENT/INVALID_MASK. */
export function toFaceSettings({ settings, updateMask }: faceV1.UpdateFaceSettingsRequest): {
  enabled: boolean;
} {
  // Off deletes: it is never what an empty request means.
  const mask = updateMask ?? [];
  const namesIt = mask.length > 0 && mask.every((path) => path === "enabled");
  if (!settings || !(namesIt || (mask.length === 0 && settings.enabled))) throw invalidMask(["enabled"]);
  return { enabled: settings.enabled };
}
