import type { Kysely } from "kysely";
import { personNotFound } from "./person-errors.ts";
import { parsePersonId } from "./person-input.ts";
import { listRejectedFaces } from "./store/decisions.ts";
import { findHolder, findPersonRows, listMembers, type PersonRow } from "./store/people.ts";
import { type FaceView, listFacesToExport } from "./store/people-faces.ts";
import type { FaceTables } from "./store/tables.ts";

/** Gives out everything known of a person. */
export interface PersonExport {
  /**
   * JSON lines: the person, then who was merged into it, then a line per face, then one per face that a human said is not
   * this person's. Never embeddings or cut-outs. A chunk has at most 64 KiB; a page of faces is in memory at a time.
   * @throws AppError NOT_FOUND/PERSON_NOT_FOUND, also when the person is deleted meanwhile.
   */
  export(ownerId: string, personId: string): AsyncGenerator<Uint8Array>;
}

/** A line has less than 1 KiB, so that a page fits into one chunk of 64 KiB. */
const linesAtOnce = 60;

/** Creates the rules of exports. */
export function createPersonExport({ db }: { db: Kysely<FaceTables> }): PersonExport {
  return {
    async *export(ownerId, personId) {
      const id = await findHolder(db, ownerId, parsePersonId(personId));
      if (id === undefined) throw personNotFound();
      for (const [index, member] of (await membersOf(ownerId, id)).entries()) {
        yield toLines([personLine(member, index === 0 ? "person" : "mergedPerson")]);
      }
      yield* faceLines(ownerId, id);
      yield* rejectionLines(ownerId, id);
    },
  };

  async function membersOf(ownerId: string, id: string): Promise<PersonRow[]> {
    const ids = await listMembers(db, ownerId, [id]);
    const rows = await findPersonRows(db, ownerId, ids);
    const [self] = rows.filter((row) => row.id === id);
    if (!self) throw personNotFound();
    return [self, ...rows.filter((row) => row.id !== id).sort((a, b) => (a.id < b.id ? -1 : 1))];
  }

  async function* faceLines(ownerId: string, personId: string): AsyncGenerator<Uint8Array> {
    for (let after: string | undefined; ; ) {
      const faces = await listFacesToExport(db, { ownerId, personId, after, limit: linesAtOnce });
      if (faces.length > 0) yield toLines(faces.map(faceLine));
      if (faces.length < linesAtOnce) return;
      after = faces.at(-1)?.id;
    }
  }

  async function* rejectionLines(ownerId: string, personId: string): AsyncGenerator<Uint8Array> {
    for (let after: string | undefined; ; ) {
      const found = await listRejectedFaces(db, { ownerId, personId, after, limit: linesAtOnce });
      if (found.length > 0) yield toLines(found.map((each) => ({ type: "rejectedFace", ...each })));
      if (found.length < linesAtOnce) return;
      after = found.at(-1)?.faceId;
    }
  }
}

function personLine(row: PersonRow, type: "person" | "mergedPerson") {
  return {
    type,
    id: row.id,
    name: row.name,
    hidden: row.hidden,
    favorite: row.favorite,
    birthDate: row.birth_date,
    coverFaceId: row.cover_face_id,
    source: row.source,
    ...(type === "mergedPerson" ? { mergedInto: row.merged_into } : {}),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function faceLine({ id, photoId, x, y, width, height, ...face }: FaceView) {
  const { score, quality, source, similarity, erased, createdAt } = face;
  const box = { x, y, width, height };
  return { type: "face", id, photoId, box, score, quality, source, similarity, erased, createdAt };
}

function toLines(values: readonly object[]): Uint8Array {
  return Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}
