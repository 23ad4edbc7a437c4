import type { Caller } from "./context.ts";
import type { PhotoResults } from "./photo-results.ts";
import type { FaceView } from "./views/schemas.ts";

/** Whether a caller may know whose the faces on his photos are. */
export function seesPeople({ scopes }: Pick<Caller, "scopes">): boolean {
  return scopes.has("people");
}

/** Results as a caller may see them: without the scope `people`, faces are nobody's. */
export function resultsFor(caller: Pick<Caller, "scopes">, results: PhotoResults): PhotoResults {
  if (seesPeople(caller)) return results;
  const faces: PhotoResults["faces"] = async (photoId, options) =>
    (await results.faces(photoId, options)).map(withoutPerson);
  return { ...results, faces };
}

/** A face of whom nobody says whose it is. */
export function withoutPerson(face: FaceView): FaceView {
  return { ...face, personId: null, personName: null };
}
