import type { Kysely } from "kysely";
import { type ChangedFace, listChangedFaces, listExemplars, listGoneFaces } from "../store/grouping-faces.ts";
import type { FaceTables } from "../store/tables.ts";
import type { FaceCalibration } from "./calibration.ts";
import { exemplarsPerPerson, type OwnerIndex } from "./owner-index.ts";
import type { GroupedFace } from "./types.ts";

/** What brings an index forward. */
export interface IndexChanges {
  to: number;
  faces: readonly ChangedFace[];
  gone: readonly string[];
  /** All exemplars of persons that may have others now. */
  people: ReadonlyMap<string, readonly GroupedFace[]>;
  suspects: Set<string>;
}

/** Which changes {@link readChanges} reads. */
export interface ChangesQuery {
  ownerId: string;
  model: string;
  index: OwnerIndex;
  /** Up to this revision. */
  to: number;
  /** The revision of the transaction that reads: what it changed itself may be undone, and is read again later. */
  own?: number | undefined;
}

/** Reads what changed since an index was brought forward last; changes nothing. */
export async function readChanges(db: Kysely<FaceTables>, query: ChangesQuery): Promise<IndexChanges> {
  const { ownerId, model, index, to, own } = query;
  const also = [...index.suspects];
  const all = await listChangedFaces(db, { ownerId, model }, index.revision, also);
  const allGone = await listGoneFaces(db, ownerId, index.revision, also);
  const isOwn = ({ revision }: { revision: number }) => own !== undefined && revision >= own;
  const faces = all.filter((face) => !isOwn(face));
  const gone = allGone.filter((face) => !isOwn(face)).map(({ id }) => id);
  const touched = new Set<string>();
  for (const { id, personId } of faces) {
    if (personId !== null) touched.add(personId);
    touched.add(index.personOfExemplar(id) ?? "");
  }
  for (const id of gone) touched.add(index.personOfExemplar(id) ?? "");
  touched.delete("");
  const personIds = [...touched];
  // Without a change of its own, a reader sees nothing that may be undone.
  const upToRevision = own === undefined ? Number.MAX_SAFE_INTEGER : to;
  const rows = await listExemplars(db, {
    ownerId,
    model,
    perPerson: exemplarsPerPerson,
    upToRevision,
    personIds,
  });
  const exemplars = Map.groupBy(rows, ({ personId }) => personId);
  return {
    to,
    faces,
    gone,
    people: new Map(personIds.map((id) => [id, exemplars.get(id) ?? []])),
    suspects: new Set([...all, ...allGone].filter(isOwn).map(({ id }) => id)),
  };
}

/** Brings an index forward. */
export function applyChanges(
  index: OwnerIndex,
  { to, faces, gone, people, suspects }: IndexChanges,
  { foundQuality }: FaceCalibration,
): void {
  for (const id of gone) index.removeLoose(id);
  for (const { id } of faces) index.removeLoose(id);
  index.addLoose(
    faces.flatMap(({ id, photoId, quality, vector }) =>
      vector && quality >= foundQuality ? [{ id, photoId, quality, vector }] : [],
    ),
  );
  for (const [id, exemplars] of people) index.setPerson(id, exemplars);
  index.revision = Math.max(index.revision, to);
  index.suspects = suspects;
  index.epoch += 1;
}
