import { commonV1, faceV1 } from "@ocelli/contracts";
import type { MergeView } from "../store/merges.ts";
import type { FaceView } from "../store/people-faces.ts";
import type { PersonView } from "../store/people-views.ts";
import type { Source } from "../store/tables.ts";

const sources: Record<Source, faceV1.FaceSource> = {
  MODEL: faceV1.FaceSource.FACE_SOURCE_MODEL,
  USER: faceV1.FaceSource.FACE_SOURCE_USER,
};

/** A person as clients see it. */
export function toPersonMessage(person: PersonView): faceV1.Person {
  const { id, name, hidden, favorite, faceCount, photoCount, createdAt, updatedAt } = person;
  return {
    id,
    name,
    hidden,
    favorite,
    birthDate: person.birthDate ?? "",
    coverFaceId: person.coverFaceId ?? "",
    faceCount,
    photoCount,
    source: sources[person.source],
    createdAt,
    updatedAt,
  };
}

/** A face with where it was seen and whose it is: never with its embedding. */
export function toPersonFaceMessage(face: FaceView): faceV1.PersonFace {
  const { id, photoId, x, y, width, height, score, quality, personId, personName, createdAt } = face;
  const isUntouched = face.source === "MODEL" && personId === null;
  return {
    face: commonV1.Face.fromPartial({
      id,
      box: { x, y, width, height },
      score,
      quality,
      personId: personId ?? "",
      personName,
    }),
    photoId,
    source: isUntouched ? faceV1.FaceSource.FACE_SOURCE_UNSPECIFIED : sources[face.source],
    similarity: similarityOf(face),
    createdAt,
  };
}

function similarityOf({ personId, source, similarity }: FaceView): number {
  if (personId === null) return 0;
  return source === "USER" ? 1 : (similarity ?? 0);
}

/** A merge as clients see it. */
export function toMergeMessage({ id, survivorId, personIds, createdAt, undoneAt }: MergeView): faceV1.Merge {
  return { id, survivorId, personIds, createdAt, undoneAt: undoneAt ?? undefined };
}
