import type { faceV1 } from "@ocelli/contracts";
import { required } from "./required.ts";
import { toBoxView, toFaceView } from "./results.ts";
import type {
  FaceSearchView,
  MergeView,
  PersonFaceView,
  PersonView,
  RegroupingView,
  SuggestionView,
} from "./schemas-people.ts";

const sources = {
  FACE_SOURCE_UNSPECIFIED: null,
  FACE_SOURCE_MODEL: "MODEL",
  FACE_SOURCE_USER: "USER",
} as const;

/** A person as clients see it. */
export function toPersonView(message: faceV1.Person | undefined): PersonView {
  const person = required(message, "person");
  return {
    id: person.id,
    name: person.name || null,
    hidden: person.hidden,
    favorite: person.favorite,
    birthDate: person.birthDate || null,
    coverFaceId: person.coverFaceId || null,
    faceCount: person.faceCount,
    photoCount: person.photoCount,
    source: sources[person.source],
    createdAt: required(person.createdAt, "createdAt").toISOString(),
    updatedAt: required(person.updatedAt, "updatedAt").toISOString(),
  };
}

/** A face as its owner sees it. */
export function toPersonFaceView(message: faceV1.PersonFace | undefined): PersonFaceView {
  const { face, photoId, source, similarity, createdAt } = required(message, "face");
  return {
    ...toFaceView(required(face, "face")),
    photoId,
    source: sources[source],
    similarity,
    createdAt: required(createdAt, "createdAt").toISOString(),
  };
}

/** A merge as clients see it. */
export function toMergeView(message: faceV1.Merge | undefined): MergeView {
  const { id, survivorId, personIds, createdAt, undoneAt } = required(message, "merge");
  return {
    id,
    survivorId,
    personIds,
    createdAt: required(createdAt, "createdAt").toISOString(),
    undoneAt: undoneAt?.toISOString() ?? null,
  };
}

/** A suggestion as clients see it. */
export function toSuggestionView({ person, other, score }: faceV1.PersonSuggestion): SuggestionView {
  return { person: toPersonView(person), other: toPersonView(other), score };
}

/** A regrouping as clients see it. */
export function toRegroupingView(message: faceV1.Regrouping | undefined): RegroupingView {
  const { requestedAt, finishedAt, ...rest } = required(message, "regrouping");
  const { started, running, facesSeen, facesAssigned, peopleMade } = rest;
  return {
    ...{ started, running, facesSeen, facesAssigned, peopleMade },
    requestedAt: requestedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}

/** What a search by face found, as clients see it. */
export function toFaceSearchView({ faces, provenance }: faceV1.SearchFacesResponse): FaceSearchView {
  return {
    faces: faces.map(({ face, unknown, matches }) => ({
      box: toBoxView(face?.box),
      score: face?.score ?? 0,
      quality: face?.quality ?? 0,
      unknown,
      matches: matches.map(({ personId, personName, similarity }) => ({
        personId,
        personName: personName || null,
        similarity,
      })),
    })),
    model: provenance?.model ?? "",
    ms: provenance?.ms ?? 0,
  };
}
