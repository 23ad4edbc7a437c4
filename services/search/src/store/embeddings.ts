import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** A photo with its agreement with a query. */
export interface Neighbour {
  photoId: string;
  /** Cosine similarity, -1..1. */
  cosine: number;
}

/** Stores the embedding of a photo; as withheld as its document, which the caller's transaction has locked. */
export async function saveEmbedding(
  db: Kysely<SearchTables>,
  photo: eventsV1.PhotoRef,
  model: string,
  embedding: Float32Array,
): Promise<void> {
  const values = { embedding: toVectorText(embedding) };
  await db
    .insertInto("photo_embeddings")
    .values(({ fn, selectFrom, val }) => ({
      photo_id: photo.photoId,
      owner_id: photo.ownerId,
      sha256: photo.sha256,
      model,
      ...values,
      withheld: fn.coalesce(
        selectFrom("documents").select("withheld").where("photo_id", "=", photo.photoId),
        val(false),
      ),
    }))
    .onConflict((conflict) => conflict.columns(["photo_id", "model"]).doUpdateSet(values))
    .execute();
}

/** An embedding of the same bytes by the same model: the one query without an owner, since bytes have none. */
export async function findEmbeddingOfBytes(
  db: Kysely<SearchTables>,
  sha256: string,
  model: string,
): Promise<Float32Array | undefined> {
  const row = await db
    .selectFrom("photo_embeddings")
    .select(sql<string>`embedding::text`.as("embedding"))
    .where("sha256", "=", sha256)
    .where("model", "=", model)
    .limit(1)
    .executeTakeFirst();
  return row && fromVectorText(row.embedding);
}

/**
 * The owner's photos nearest to a query, exactly, best first. Ordered by distance alone: a tie-breaker inside would
 * keep any vector index from being used.
 */
export async function nearestPhotos(
  db: Kysely<SearchTables>,
  query: { ownerId: string; model: string; embedding: Float32Array; limit: number },
): Promise<Neighbour[]> {
  const vector = toVectorText(query.embedding);
  const { rows } = await sql<Neighbour>`
    select photo_id as "photoId", (1 - (embedding <=> ${vector}::public.halfvec))::float8 as cosine
    from search.photo_embeddings
    where owner_id = ${query.ownerId} and model = ${query.model} and not withheld
    order by embedding <=> ${vector}::public.halfvec
    limit ${query.limit}`.execute(db);
  return rows;
}

function toVectorText(embedding: Float32Array): string {
  return `[${embedding.join(",")}]`;
}

function fromVectorText(text: string): Float32Array {
  return Float32Array.from(text.slice(1, -1).split(","), Number);
}
