import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import { bandsOf } from "../hash-bands.ts";
import type { PictureMarks } from "../picture-hash.ts";
import type { SearchTables } from "./tables.ts";

/** A photo whose hash is near another's. */
export interface NearHash {
  photoId: string;
  /** Bits in which the hashes differ. */
  distance: number;
  /** Bits in which they differ when one is turned by a quarter or a half. */
  turnedDistance: number;
}

/** As text: numbers of 64 bits do not fit into those of JavaScript. */
const marks = [
  sql<string | null>`hash::text`.as("hash"),
  sql<string[]>`turned::text[]`.as("turned"),
  "sharpness",
] as const;

/** Stores what the pixels of a photo say of it, in the transaction that has locked its document. */
export async function savePicture(
  trx: Kysely<SearchTables>,
  photo: eventsV1.PhotoRef,
  { hash, turned, sharpness }: PictureMarks,
): Promise<void> {
  await deleteBands(trx, photo);
  const values = {
    sha256: photo.sha256,
    hash: hash === null ? null : String(hash),
    turned: turned.map(String),
    sharpness,
  };
  await trx
    .insertInto("pictures")
    .values({ photo_id: photo.photoId, owner_id: photo.ownerId, ...values })
    .onConflict((conflict) => conflict.column("photo_id").doUpdateSet(values))
    .execute();
  if (hash === null) return;
  const bands = bandsOf(hash).map((value) => ({
    owner_id: photo.ownerId,
    value,
    photo_id: photo.photoId,
    hash: String(hash),
  }));
  await trx.insertInto("picture_bands").values(bands).execute();
}

/** What the same bytes said, whoever owns them: the one query without an owner, since bytes have none. */
export async function findMarksOfBytes(
  db: Kysely<SearchTables>,
  sha256: string,
): Promise<PictureMarks | undefined> {
  const row = await db
    .selectFrom("pictures")
    .select(marks)
    .where("sha256", "=", sha256)
    .limit(1)
    .executeTakeFirst();
  return row && toMarks(row);
}

/** The hashes of one photo of the owner. */
export async function findPicture(
  db: Kysely<SearchTables>,
  photo: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
): Promise<(PictureMarks & { sha256: string }) | undefined> {
  const row = await db
    .selectFrom("pictures")
    .select([...marks, "sha256"])
    .where("photo_id", "=", photo.photoId)
    .where("owner_id", "=", photo.ownerId)
    .executeTakeFirst();
  return row && { ...toMarks(row), sha256: row.sha256 };
}

function toMarks({ hash, turned, sharpness }: { hash: string | null; turned: string[]; sharpness: number }) {
  return { hash: hash === null ? null : BigInt(hash), turned: turned.map(BigInt), sharpness };
}

/** Other photos of the owner with the same bytes, newest first. */
export async function findSameBytes(
  db: Kysely<SearchTables>,
  query: { ownerId: string; photoId: string; sha256: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom("pictures")
    .select("photo_id")
    .where("owner_id", "=", query.ownerId)
    .where("sha256", "=", query.sha256)
    .where("photo_id", "<>", query.photoId)
    .orderBy("photo_id", "desc")
    .limit(query.limit)
    .execute();
  return rows.map((row) => row.photo_id);
}

/** Other photos of the owner whose hashes are near, nearest first, then newest; found by `values` of their bands. */
export async function findNearHashes(
  db: Kysely<SearchTables>,
  query: {
    ownerId: string;
    photoId: string;
    hash: bigint;
    turned: readonly bigint[];
    values: readonly number[];
    maxDistance: number;
    maxTurnedDistance: number;
    limit: number;
  },
): Promise<NearHash[]> {
  const distance = bitsBetween(query.hash);
  const turned = sql<number>`least(64, ${sql.join(query.turned.map(bitsBetween))})`;
  const { rows } = await sql<NearHash>`
    select distinct photo_id as "photoId", ${distance} as distance, ${turned} as "turnedDistance"
    from search.picture_bands b
    where owner_id = ${query.ownerId} and value = any(${[...query.values]}::int[]) and photo_id <> ${query.photoId}
      and (${distance} <= ${query.maxDistance} or ${turned} <= ${query.maxTurnedDistance})
    order by distance, photo_id desc
    limit ${query.limit}`.execute(db);
  return rows;
}

function bitsBetween(hash: bigint) {
  return sql<number>`bit_count((b.hash # ${String(hash)}::bigint)::bit(64))::int`;
}

/** Forgets what the pixels of a photo said. */
export async function deletePicture(trx: Kysely<SearchTables>, photo: eventsV1.PhotoRef): Promise<void> {
  await deleteBands(trx, photo);
  await trx
    .deleteFrom("pictures")
    .where("photo_id", "=", photo.photoId)
    .where("owner_id", "=", photo.ownerId)
    .execute();
}

/** The bands are computed from the hash that is stored: they have no index by photo. */
async function deleteBands(trx: Kysely<SearchTables>, photo: eventsV1.PhotoRef): Promise<void> {
  await sql`
    delete from search.picture_bands b using search.pictures p, generate_series(0, 3) as band
    where p.photo_id = ${photo.photoId} and p.owner_id = ${photo.ownerId} and p.hash is not null
      and b.owner_id = p.owner_id and b.photo_id = p.photo_id
      and b.value = (band * 65536 + ((p.hash >> (band * 16)) & 65535))::int`.execute(trx);
}
