import type { Kysely } from "kysely";
import type { FaceTables } from "./tables.ts";

/** What a model made of a face. */
export interface FaceEmbedding {
  faceId: string;
  embedding: Float32Array;
}

/** Stores embeddings of one model; those of faces seen again are replaced. */
export async function saveEmbeddings(
  db: Kysely<FaceTables>,
  ownerId: string,
  model: string,
  embeddings: readonly FaceEmbedding[],
): Promise<void> {
  if (embeddings.length === 0) return;
  await db
    .insertInto("face_embeddings")
    .values(embeddings.map((each) => toRow(ownerId, model, each)))
    .onConflict((conflict) =>
      conflict
        .columns(["model", "face_id"])
        .doUpdateSet((eb) => ({ embedding: eb.ref("excluded.embedding") }))
        .where("face_embeddings.owner_id", "=", ownerId),
    )
    .execute();
}

/** Stores embeddings that are missing; those that are there stay. */
export async function addEmbeddings(
  db: Kysely<FaceTables>,
  ownerId: string,
  model: string,
  embeddings: readonly FaceEmbedding[],
): Promise<void> {
  if (embeddings.length === 0) return;
  await db
    .insertInto("face_embeddings")
    .values(embeddings.map((each) => toRow(ownerId, model, each)))
    .onConflict((conflict) => conflict.columns(["model", "face_id"]).doNothing())
    .execute();
}

/** Little-endian float32, as the database holds an embedding. */
export function embeddingToBytes(embedding: Float32Array): Uint8Array {
  return new Uint8Array(embedding.slice().buffer);
}

/** The values of {@link embeddingToBytes}. */
export function embeddingFromBytes(bytes: Uint8Array): Float32Array {
  // A copy: what the driver hands out need not begin at a multiple of four.
  return new Float32Array(new Uint8Array(bytes).buffer);
}

function toRow(ownerId: string, model: string, { faceId, embedding }: FaceEmbedding) {
  return { model, face_id: faceId, owner_id: ownerId, embedding: embeddingToBytes(embedding) };
}
