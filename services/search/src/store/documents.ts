import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { deleteDuplicates } from "./duplicates.ts";
import type { SearchTables } from "./tables.ts";
import { deleteVectors, setVectorsWithheld } from "./vectors.ts";

/** What one event adds to a document. */
export interface DocumentPart {
  filename?: string;
  caption?: string;
  labels?: string[];
  ocr_text?: string;
  taken_at?: Date | null;
  created_at?: Date | null;
  width?: number | null;
  height?: number | null;
  media_type?: string | null;
  size_bytes?: number | null;
  camera?: string | null;
  lens?: string | null;
  city?: string | null;
  region?: string | null;
  country?: string | null;
  caption_meaning?: Buffer | null;
  labels_meaning?: Buffer | null;
  caption_event?: string;
  labels_event?: string;
  text_event?: string;
}

/** What is said of a photo time and again, with the event that said it last: one that comes late changes nothing. */
const saidLast = {
  caption: "caption_event",
  caption_meaning: "caption_event",
  caption_event: "caption_event",
  labels: "labels_event",
  labels_meaning: "labels_event",
  labels_event: "labels_event",
  ocr_text: "text_event",
  text_event: "text_event",
} as const;

/** Where the meaning of a sentence is stored. */
export type MeaningColumn = "caption_meaning" | "labels_meaning";

/** What an owner says of a photo. */
export interface OwnerWords {
  title: string;
  description: string;
  withheld: boolean;
  favorite: boolean;
  taken_at: Date | null;
  /** Changes may come out of order; an older one than is known says nothing. */
  revision: number;
}

/**
 * Adds a part to a photo's document and remembers that a stage has ended. Deleted documents stay empty: the answer is
 * then undefined. Until the transaction ends nobody else can change or delete the document.
 */
export async function addToDocument(
  db: Kysely<SearchTables>,
  photo: eventsV1.PhotoRef,
  part: DocumentPart,
  endedStage?: string,
): Promise<{ ended: string[]; indexed: boolean } | undefined> {
  const ended = endedStage === undefined ? [] : [endedStage];
  const row = await db
    .insertInto("documents")
    .values({
      photo_id: photo.photoId,
      owner_id: photo.ownerId,
      sha256: photo.sha256,
      ended: sql`${ended}::text[]`,
      ...part,
    })
    .onConflict((conflict) =>
      conflict
        .column("photo_id")
        .doUpdateSet({
          ...part,
          ...unlessNewer(part),
          // What the owner said of the capture time stays, whenever the event comes that says what the file does.
          ...(part.taken_at === undefined
            ? {}
            : {
                taken_at: sql<Date | null>`case when documents.revision > 0 then documents.taken_at else excluded.taken_at end`,
              }),
          ended: sql`array(select distinct unnest(documents.ended || ${ended}::text[]) order by 1)`,
        })
        .where("documents.deleted", "=", false),
    )
    .returning(["ended", "indexed_at"])
    .executeTakeFirst();
  return row && { ended: row.ended, indexed: row.indexed_at !== null };
}

/** Of a part what a newer event may have said already: it stays as it is then. */
function unlessNewer(part: DocumentPart): Record<string, RawBuilder<unknown>> {
  const changes = Object.entries(saidLast).filter(([column]) => column in part);
  return Object.fromEntries(
    changes.map(([column, event]) => {
      const [known, said] = [sql.ref(`documents.${column}`), sql.ref(`excluded.${column}`)];
      const isNewer = sql`${sql.ref(`documents.${event}`)} > ${sql.ref(`excluded.${event}`)}`;
      return [column, sql`case when ${isNewer} then ${known} else ${said} end`];
    }),
  );
}

/** Writes down what an owner says of a photo; a photo that is withheld is found no more when the transaction ends. */
export async function changeDocument(
  trx: Kysely<SearchTables>,
  photo: eventsV1.PhotoRef,
  words: OwnerWords,
): Promise<void> {
  const changed = await trx
    .insertInto("documents")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: photo.sha256, ...words })
    .onConflict((conflict) =>
      conflict
        .column("photo_id")
        .doUpdateSet(words)
        .where("documents.deleted", "=", false)
        .where("documents.owner_id", "=", photo.ownerId)
        .where("documents.revision", "<", words.revision),
    )
    .returning("photo_id")
    .executeTakeFirst();
  if (!changed) return;
  await setVectorsWithheld(trx, photo, words.withheld);
}

/** Marks a document complete. */
export async function markIndexed(db: Kysely<SearchTables>, photoId: string, now: Date): Promise<void> {
  await db.updateTable("documents").set({ indexed_at: now }).where("photo_id", "=", photoId).execute();
}

/** Forgets a photo's words, facts and embeddings, and that it will never come back. */
export async function deleteDocument(db: Kysely<SearchTables>, photo: eventsV1.PhotoRef): Promise<void> {
  const emptied = {
    filename: null,
    caption: null,
    labels: null,
    ocr_text: null,
    taken_at: null,
    created_at: null,
    width: null,
    height: null,
    media_type: null,
    size_bytes: null,
    camera: null,
    lens: null,
    city: null,
    region: null,
    country: null,
    favorite: false,
    caption_meaning: null,
    labels_meaning: null,
    caption_event: null,
    labels_event: null,
    text_event: null,
    title: null,
    description: null,
    deleted: true,
  };
  await db
    .insertInto("documents")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: "", ...emptied })
    .onConflict((conflict) => conflict.column("photo_id").doUpdateSet({ ...emptied, sha256: "" }))
    .execute();
  for (const table of ["document_people", "document_albums"] as const) {
    await db
      .deleteFrom(table)
      .where("photo_id", "=", photo.photoId)
      .where("owner_id", "=", photo.ownerId)
      .execute();
  }
  await deleteVectors(db, photo);
  await deleteDuplicates(db, photo);
}

/** Condition: the photo of an id, an expression of type uuid, was deleted. */
export function isDeletedDocument(photoId: RawBuilder<string>): RawBuilder<boolean> {
  return sql`exists (select from search.documents d where d.photo_id = ${photoId} and d.deleted)`;
}
