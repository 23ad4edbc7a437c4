import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** An image as far as its files go. */
export interface ImageToVerify {
  sha256: string;
  sizeBytes: number;
  filename: string;
  /** False for an image that nobody has a photo of. */
  isUsed: boolean;
}

/** How many images there are. */
export async function countImages(db: Store): Promise<number> {
  const { images } = await db
    .selectFrom("images")
    .select(sql<number>`count(*)::int`.as("images"))
    .executeTakeFirstOrThrow();
  return images;
}

/** A page of all images by hash, of every owner. */
export async function listImages(db: Store, after: string, limit: number): Promise<ImageToVerify[]> {
  const { rows } = await sql<ImageToVerify>`
    select i.sha256, i.size_bytes as "sizeBytes", coalesce(p.filename, '') as filename,
      p.filename is not null as "isUsed"
    from library.images i
    left join lateral (
      select filename from library.photos where sha256 = i.sha256 order by id limit 1
    ) p on true
    where i.sha256 > ${after} order by i.sha256 limit ${limit}`.execute(db);
  return rows;
}

/** Those of the given hashes that are images. */
export async function findImages(db: Store, hashes: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom("images")
    .select("sha256")
    .where("sha256", "=", sql<string>`any(${[...hashes]}::text[])`)
    .execute();
  return new Set(rows.map(({ sha256 }) => sha256));
}
