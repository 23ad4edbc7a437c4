import { ownerLock } from "@ocelli/chassis";
import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/**
 * Files without a row are harmless, a row without its files is a lost photo. So whoever places or removes the files of
 * some bytes holds the lock of these bytes, and bytes whose files may lie about without an image stand in `loose_blobs`
 * before the first file does.
 */
export async function lockUpload(trx: Store, ownerId: string, sha256: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(${bytesKey(sql.val(sha256))}), ${ownerLock(ownerId)}`.execute(trx);
}

/** Locks several bytes; always in the same order, so that two deletions never wait for each other. */
export async function lockBytes(trx: Store, hashes: readonly string[]): Promise<void> {
  await sql`
    select pg_advisory_xact_lock(key) from (
      select distinct ${bytesKey(sql.ref("sha256"))} as key from unnest(${[...hashes]}::text[]) as sha256 order by key
    ) as keys`.execute(trx);
}

/** Says that files of these bytes are about to be placed; {@link insertPhoto} takes it back. */
export async function announceBlobs(db: Store, sha256: string): Promise<void> {
  await db
    .insertInto("loose_blobs")
    .values({ sha256 })
    .onConflict((conflict) => conflict.column("sha256").doNothing())
    .execute();
}

/** Some bytes whose files may lie about: those of deleted images, and of uploads that must have ended by now. */
export async function listLoose(db: Store, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("loose_blobs")
    .select("sha256")
    .where("since", "<", sql<Date>`now() - interval '10 minutes'`)
    .orderBy("sha256")
    .limit(limit)
    .execute();
  return rows.map(({ sha256 }) => sha256);
}

/** Those of the given bytes that are still announced and nobody's. Ask under {@link lockBytes}. */
export async function findUnused(trx: Store, hashes: readonly string[]): Promise<string[]> {
  const rows = await trx
    .selectFrom("loose_blobs as l")
    .select("l.sha256")
    .where("l.sha256", "=", anyOf(hashes))
    .where(({ exists, not, selectFrom }) =>
      not(exists(selectFrom("images as i").select("i.sha256").whereRef("i.sha256", "=", "l.sha256"))),
    )
    .execute();
  return rows.map(({ sha256 }) => sha256);
}

/** Their files are gone, or belong to an image. */
export async function settleLoose(trx: Store, hashes: readonly string[]): Promise<void> {
  await trx.deleteFrom("loose_blobs").where("sha256", "=", anyOf(hashes)).execute();
}

function bytesKey(sha256: ReturnType<typeof sql>) {
  return sql`hashtextextended('bytes ' || ${sha256}::text, 0)`;
}

function anyOf(values: readonly string[]) {
  return sql<string>`any(${[...values]}::text[])`;
}
