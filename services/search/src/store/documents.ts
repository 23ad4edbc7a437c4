import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** What one event adds to a document. */
export interface DocumentPart {
  filename?: string;
  caption?: string;
  labels?: string[];
  ocr_text?: string;
  taken_at?: Date | null;
}

/** A document that words of a query were found in. */
export interface WordMatch {
  photoId: string;
  /** ts_rank_cd with cover density normalised to 0..1. */
  rank: number;
  caption: string;
  labels: string[];
  ocrText: string;
  title: string;
  description: string;
}

/** What an owner says of a photo. */
export interface OwnerWords {
  title: string;
  description: string;
  withheld: boolean;
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
  await trx
    .updateTable("photo_embeddings")
    .set({ withheld: words.withheld })
    .where("photo_id", "=", photo.photoId)
    .where("owner_id", "=", photo.ownerId)
    .execute();
}

/** Marks a document complete. */
export async function markIndexed(db: Kysely<SearchTables>, photoId: string, now: Date): Promise<void> {
  await db.updateTable("documents").set({ indexed_at: now }).where("photo_id", "=", photoId).execute();
}

/** Forgets a photo's words and embeddings, and that it will never come back. */
export async function deleteDocument(db: Kysely<SearchTables>, photo: eventsV1.PhotoRef): Promise<void> {
  const emptied = {
    filename: null,
    caption: null,
    labels: null,
    ocr_text: null,
    taken_at: null,
    title: null,
    description: null,
    deleted: true,
  };
  await db
    .insertInto("documents")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, sha256: "", ...emptied })
    .onConflict((conflict) => conflict.column("photo_id").doUpdateSet({ ...emptied, sha256: "" }))
    .execute();
  await db
    .deleteFrom("photo_embeddings")
    .where("photo_id", "=", photo.photoId)
    .where("owner_id", "=", photo.ownerId)
    .execute();
}

/** Condition: the photo of an id, an expression of type uuid, was deleted. */
export function isDeletedDocument(photoId: RawBuilder<string>): RawBuilder<boolean> {
  return sql`exists (select from search.documents d where d.photo_id = ${photoId} and d.deleted)`;
}

/** The owner's documents that hold words of the query: all of them first, then any of them. */
export async function matchWords(
  db: Kysely<SearchTables>,
  query: { ownerId: string; text: string; limit: number },
): Promise<WordMatch[]> {
  const { rows } = await sql<WordMatch>`
    with wanted as (
      select all_words,
             -- with an excluded word (!) "any of them" would match whatever merely lacks it
             case when all_words::text like '%!%' then all_words
                  else replace(all_words::text, ' & ', ' | ')::tsquery end as any_word
      from websearch_to_tsquery('english', ${query.text}) as all_words
    )
    select photo_id as "photoId",
           coalesce(caption, '') as caption, coalesce(labels, '{}') as labels, coalesce(ocr_text, '') as "ocrText",
           coalesce(title, '') as title, coalesce(description, '') as description,
           (case when words @@ all_words then 0.6 else 0 end + 0.4 * ts_rank_cd(words, any_word, 32))::float8 as rank
    from search.documents, wanted
    where owner_id = ${query.ownerId} and not deleted and not withheld and words @@ any_word
    order by rank desc, photo_id desc
    limit ${query.limit}`.execute(db);
  return rows;
}
