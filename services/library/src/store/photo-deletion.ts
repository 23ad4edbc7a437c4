import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely";
import { lockBytes } from "./loose-blobs.ts";
import { loosenUnused } from "./owners.ts";
import type { LibraryTables } from "./tables.ts";

/** Which photos of an owner to delete. */
export interface PhotosToDelete {
  ownerId: string;
  /** At most a few hundred: the bytes of each are locked, in a table that all sessions share. */
  ids: readonly string[];
  /** What must be true of them still, when they are deleted. */
  while: RawBuilder<boolean>;
}

/** Condition for photos wherever they lie. */
export const anywhere = sql<boolean>`true`;

/** Condition for photos in the trash. */
export const inTrash = sql<boolean>`trashed_at is not null`;

/** Condition for photos that were put into the trash so long ago. */
export function inTrashFor(ms: number): RawBuilder<boolean> {
  return sql<boolean>`trashed_at < now() - make_interval(secs => ${ms / 1000})`;
}

/**
 * Deletes photos with all that hangs on them (stages, places in albums), gives their room back, and loosens the bytes
 * that nobody else has. All in the caller's transaction.
 * @returns the photos that were deleted: each once, however many replicas are at it.
 */
export async function deletePhotos(
  trx: Transaction<LibraryTables>,
  wanted: PhotosToDelete,
): Promise<eventsV1.PhotoRef[]> {
  const mine = sql`owner_id = ${wanted.ownerId} and id = any(${[...wanted.ids]}::uuid[]) and ${wanted.while}`;
  const candidates = await sql<{ sha256: string }>`select sha256 from library.photos where ${mine}`.execute(
    trx,
  );
  const hashes = candidates.rows.map(({ sha256 }) => sha256);
  if (hashes.length === 0) return [];
  await lockBytes(trx, hashes);
  const { rows } = await sql<eventsV1.PhotoRef>`
    with mine as (
      select id from library.photos where ${mine} order by id for update
    ), gone as (
      delete from library.photos p using mine where p.id = mine.id returning p.id, p.owner_id, p.sha256
    ), freed as (
      update library.owner_usage u set photos = greatest(0, u.photos - g.photos), bytes = greatest(0, u.bytes - g.bytes)
      from (
        select count(*) as photos, coalesce(sum(i.size_bytes), 0) as bytes
        from gone join library.images i on i.sha256 = gone.sha256
      ) g
      where u.owner_id = ${wanted.ownerId}
    )
    select id as "photoId", owner_id as "ownerId", sha256 from gone order by id`.execute(trx);
  await loosenUnused(
    trx,
    rows.map(({ sha256 }) => sha256),
  );
  return rows;
}

/** Some photos in an owner's trash. */
export async function listTrash(
  db: Kysely<LibraryTables>,
  ownerId: string,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom("photos")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("trashed_at", "is not", null)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Some photos that have been in the trash for so long, whoever owns them. */
export async function listExpired(
  db: Kysely<LibraryTables>,
  retentionMs: number,
  limit: number,
): Promise<{ id: string; ownerId: string }[]> {
  return db
    .selectFrom("photos")
    .select(["id", "owner_id as ownerId"])
    .where(inTrashFor(retentionMs))
    .orderBy("trashed_at")
    .limit(limit)
    .execute();
}
