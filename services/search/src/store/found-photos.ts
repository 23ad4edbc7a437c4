import { type Kysely, sql } from "kysely";
import type { DocumentCondition } from "../vectors.ts";
import { allOf, findable } from "./conditions.ts";
import type { SearchTables } from "./tables.ts";

/** Where a list of photos goes on. */
export interface MomentCursor {
  /** ISO instant to the microsecond, as Postgres wrote it. */
  moment: string;
  photoId: string;
}

/** What is shown of why a photo was found. */
export interface FoundDocument {
  photoId: string;
  title: string;
  description: string;
  caption: string;
  labels: string[];
  ocrText: string;
  places: string;
  camera: string;
  filename: string;
  /** Per condition asked about, whether it holds. */
  holds: boolean[];
}

/** Sentence embeddings of a document, as stored. */
export interface StoredMeanings {
  photoId: string;
  caption: Buffer | null;
  labels: Buffer | null;
}

/** Photos of the owner that fulfil a condition, newest first. */
export async function listPhotos(
  db: Kysely<SearchTables>,
  query: { ownerId: string; within: DocumentCondition; after?: MomentCursor | undefined; limit: number },
): Promise<MomentCursor[]> {
  const { ownerId, within, after, limit } = query;
  const rest = after
    ? sql`(d.moment, d.photo_id) < (${after.moment}::timestamptz, ${after.photoId}::uuid)`
    : sql`true`;
  const { rows } = await sql<MomentCursor>`
    select d.photo_id as "photoId", to_char(d.moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
    from search.documents d
    where d.owner_id = ${ownerId} and ${allOf([findable, within])} and ${rest}
    order by d.moment desc, d.photo_id desc
    limit ${limit}`.execute(db);
  return rows;
}

/** How many photos of the owner fulfil a condition. */
export async function countPhotos(
  db: Kysely<SearchTables>,
  ownerId: string,
  within: DocumentCondition,
): Promise<number> {
  const { rows } = await sql<{ photos: number }>`
    select count(*)::int as photos from search.documents d
    where d.owner_id = ${ownerId} and ${allOf([findable, within])}`.execute(db);
  return rows[0]?.photos ?? 0;
}

// `is true`: without statistics the planner would read all of the owner's documents rather than these.

/** What documents of the owner say, and which conditions they fulfil. */
export async function readDocuments(
  db: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
  conditions: readonly DocumentCondition[],
): Promise<Map<string, FoundDocument>> {
  const { rows } = await sql<FoundDocument>`
    select d.photo_id as "photoId", coalesce(d.title, '') as title, coalesce(d.description, '') as description,
           coalesce(d.caption, '') as caption, coalesce(d.labels, '{}') as labels,
           coalesce(d.ocr_text, '') as "ocrText", concat_ws(chr(10), d.city, d.region, d.country) as places,
           coalesce(d.camera, '') as camera, coalesce(d.filename, '') as filename,
           array[${sql.join(conditions.map((condition) => sql`coalesce(${condition}, false)`))}]::boolean[] as holds
    from search.documents d
    where (d.owner_id = ${ownerId}) is true and d.photo_id = any(${[...photoIds]}::uuid[])`.execute(db);
  return new Map(rows.map((row) => [row.photoId, row]));
}

/** What captions and labels of the owner's photos mean. */
export async function readMeanings(
  db: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<StoredMeanings[]> {
  const { rows } = await sql<StoredMeanings>`
    select d.photo_id as "photoId", d.caption_meaning as caption, d.labels_meaning as labels
    from search.documents d
    where (d.owner_id = ${ownerId}) is true and d.photo_id = any(${[...photoIds]}::uuid[])
      and (d.caption_meaning is not null or d.labels_meaning is not null)`.execute(db);
  return rows;
}
