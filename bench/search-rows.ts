import { randomUUIDv7 } from "node:crypto";
import type { Database } from "@ocelli/chassis";
import type { SyntheticVectors } from "@ocelli/testkit";
import type { Pool } from "pg";
import type { StoredModel } from "../services/search/src/store/index-models.ts";
import type { SearchTables } from "../services/search/src/store/tables.ts";
import { vectorTableNames } from "../services/search/src/store/vector-tables.ts";
import { codeOf } from "../services/search/src/vectors/codes.ts";
import { halvesOf } from "../services/search/src/vectors/half-floats.ts";
import { labelsOfCaption } from "./captions.ts";

/** A library of one owner. */
export interface SearchLibrary {
  ownerId: string;
  photoIds: string[];
  /** Photo after photo, `dimension` values each. */
  vectors: Float32Array;
  /** Milliseconds that storing it took. */
  ms: number;
}

/** What fills an index. */
export interface SearchFilling {
  db: Database<SearchTables>["db"];
  /** The same store, for statements that the service never makes. */
  pool: Pool;
  model: StoredModel;
  source: SyntheticVectors;
  captions: readonly string[];
  /** Of each caption, as the service stores it. */
  meanings: readonly (Buffer | null)[];
}

const rowsAtOnce = 500;

/** Stores documents and vectors of a new owner as they are after analysis, many rows per statement. */
export async function fillSearch(
  filling: SearchFilling,
  ownerId: string,
  photos: number,
): Promise<SearchLibrary> {
  const { dimension } = filling.model;
  const library = { ownerId, photoIds: [] as string[], vectors: new Float32Array(photos * dimension), ms: 0 };
  for (let at = 0; at < photos; at += rowsAtOnce) {
    const rows = Array.from({ length: Math.min(rowsAtOnce, photos - at) }, () => {
      const { embedding, text } = filling.source.picture();
      return { id: randomUUIDv7(), embedding, text };
    });
    for (const [index, { id, embedding }] of rows.entries()) {
      library.photoIds.push(id);
      library.vectors.set(embedding, (at + index) * dimension);
    }
    const startedAt = performance.now();
    await insertRows(filling, ownerId, rows, at);
    library.ms += performance.now() - startedAt;
  }
  await filling.pool.query("insert into search.vector_owners values ($1, $2, $3::int, $3::int)", [
    filling.model.number,
    ownerId,
    photos,
  ]);
  return library;
}

async function insertRows(
  { db, pool, model, captions, meanings }: SearchFilling,
  ownerId: string,
  rows: readonly { id: string; embedding: Float32Array; text: number }[],
  at: number,
): Promise<void> {
  const ids = rows.map(({ id }) => id);
  await db
    .insertInto("documents")
    .values(
      rows.map(({ id, text }, index) => ({
        photo_id: id,
        owner_id: ownerId,
        sha256: id,
        filename: `IMG_${at + index}.jpg`,
        caption: captions[text] ?? "",
        caption_meaning: meanings[text] ?? null,
        labels: labelsOfCaption(captions[text] ?? ""),
        taken_at: new Date(Date.UTC(2024, 0, 1) - (at + index) * 3_600_000),
        indexed_at: new Date(),
      })),
    )
    .execute();
  const { vectors, codes } = vectorTableNames(model.number);
  const [sent, type] = model.storage === "bytes" ? ["bytea", "bytea"] : ["text", "public.halfvec"];
  const values = rows.map(({ embedding }) =>
    model.storage === "bytes"
      ? halvesOf(embedding)
      : `[${Array.from(embedding, (value) => value.toFixed(5)).join(",")}]`,
  );
  await pool.query(
    `insert into search.${vectors} (photo_id, owner_id, sha256, vector)
     select id, $1, id::text, value::${type} from unnest($2::uuid[], $3::${sent}[]) as made (id, value)`,
    [ownerId, ids, values],
  );
  await pool.query(
    `insert into search.${codes} (photo_id, owner_id, revision, code)
     select id, $1, $2::bigint + n, code::bit(${model.dimension})
     from unnest($3::uuid[], $4::text[]) with ordinality as made (id, code, n)`,
    [ownerId, at, ids, rows.map(({ embedding }) => codeOf(embedding))],
  );
}

/** Ids of the photos nearest to a vector, computed here. */
export function exactNearest(library: SearchLibrary, query: Float32Array, limit: number): string[] {
  const { photoIds, vectors } = library;
  const scores = photoIds.map((photoId, photo) => {
    let sum = 0;
    const from = photo * query.length;
    for (let index = 0; index < query.length; index++)
      sum += (query[index] ?? 0) * (vectors[from + index] ?? 0);
    return { photoId, sum };
  });
  return scores
    .sort((a, b) => b.sum - a.sum)
    .slice(0, limit)
    .map(({ photoId }) => photoId);
}
