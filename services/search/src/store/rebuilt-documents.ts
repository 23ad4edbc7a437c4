import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import { type DocumentPart, deleteDocument, type OwnerWords } from "./documents.ts";
import type { SearchTables } from "./tables.ts";
import { setVectorsWithheld } from "./vectors.ts";

/** What is known of a photo before the other services are asked: what changes meanwhile is newer than their answers. */
export interface KnownPhoto {
  /** Changes with every change of the document; empty while there is none. */
  version: string;
  /** Whose the document is; null while there is none. */
  ownerId: string | null;
  deleted: boolean;
  caption: string | null;
  labels: string[] | null;
  captionMeaning: Buffer | null;
  labelsMeaning: Buffer | null;
  /** Revision of the persons on it; null while nothing is known. */
  peopleRevision: number | null;
  /** Albums it is in or was taken out of. */
  albums: { albumId: string; present: boolean; revision: number }[];
}

/** Reads what is known of photos, by their ids; with an entry for each of them. */
export async function findKnownPhotos(
  db: Kysely<SearchTables>,
  photos: readonly eventsV1.PhotoRef[],
): Promise<Map<string, KnownPhoto>> {
  const wanted = JSON.stringify(photos.map(({ photoId, ownerId }) => ({ photoId, ownerId })));
  const { rows } = await sql<KnownPhoto & { photoId: string }>`
    select wanted."photoId", coalesce(d.xmin::text, '') as version, d.owner_id as "ownerId",
           coalesce(d.deleted, false) as deleted, d.caption, d.labels,
           d.caption_meaning as "captionMeaning", d.labels_meaning as "labelsMeaning",
           p.revision as "peopleRevision",
           coalesce((
             select jsonb_agg(jsonb_build_object('albumId', a.album_id, 'present', a.present, 'revision', a.revision))
             from search.document_albums a
             where a.photo_id = wanted."photoId" and a.owner_id = wanted."ownerId"
           ), '[]') as albums
    from jsonb_to_recordset(${wanted}::jsonb) as wanted("photoId" uuid, "ownerId" uuid)
    left join search.documents d on d.photo_id = wanted."photoId"
    left join search.document_people p
      on p.photo_id = wanted."photoId" and p.owner_id = wanted."ownerId"`.execute(db);
  return new Map(rows.map(({ photoId, ...known }) => [photoId, known]));
}

type Words = "caption" | "labels" | "ocr_text";
const events = ["caption_event", "labels_event", "text_event"] as const;

/** All that a document says; null where nobody says anything. */
export interface RebuiltDocument
  extends Omit<DocumentPart, Words | "taken_at">,
    Omit<OwnerWords, "title" | "description"> {
  caption: string | null;
  labels: string[] | null;
  ocr_text: string | null;
  caption_meaning: Buffer | null;
  labels_meaning: Buffer | null;
  title: string | null;
  description: string | null;
  /** What these events and older ones say of caption, labels and text is in here, whether or not they came. */
  caption_event: string;
  labels_event: string;
  text_event: string;
}

/**
 * Writes a document anew, in one statement: words that stay are then not taken out of the owner's vocabulary and put
 * back. Vectors and duplicates stay.
 * @returns undefined when it changed since `version` was read, or was deleted; nothing is written then.
 */
export async function replaceDocument(
  trx: Kysely<SearchTables>,
  { photoId, ownerId, sha256 }: eventsV1.PhotoRef,
  document: RebuiltDocument,
  { version, ended, now }: { version: string; ended: readonly string[]; now: Date },
): Promise<{ ended: string[]; indexed: boolean } | undefined> {
  const row = { ...document, sha256, rebuilt_at: now };
  const more = sql<string[]>`${[...ended]}::text[]`;
  const written = await trx
    .insertInto("documents")
    .values({ photo_id: photoId, owner_id: ownerId, ended: more, ...row })
    .onConflict((conflict) =>
      conflict
        .column("photo_id")
        .doUpdateSet({
          ...row,
          // What is known is in the answer: the version says that nothing newer came since.
          ...Object.fromEntries(events.map((event) => [event, newest(event)])),
          ended: sql`array(select distinct unnest(documents.ended || ${more}) order by 1)`,
        })
        .where("documents.deleted", "=", false)
        .where("documents.owner_id", "=", ownerId)
        .where(sql<boolean>`documents.xmin::text = ${version}`),
    )
    .returning(["ended", "indexed_at"])
    .executeTakeFirst();
  if (!written) return undefined;
  await setVectorsWithheld(trx, { photoId, ownerId, sha256 }, document.withheld);
  return { ended: written.ended, indexed: written.indexed_at !== null };
}

function newest(event: (typeof events)[number]) {
  return sql`greatest(${sql.ref(`documents.${event}`)}, ${sql.ref(`excluded.${event}`)})`;
}

/** Forgets a document that names an owner to whom the photo does not belong, so that the right one can be written. */
export async function dropForeignDocument(
  trx: Kysely<SearchTables>,
  photoId: string,
  wrongOwnerId: string,
): Promise<void> {
  await deleteDocument(trx, { photoId, ownerId: wrongOwnerId, sha256: "" });
  await trx
    .deleteFrom("documents")
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", wrongOwnerId)
    .execute();
}
