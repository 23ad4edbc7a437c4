import { decodeEvent, type EventTables, type Migrations, type ServiceHost } from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import { type Generated, type Kysely, sql, type Transaction } from "kysely";

/** The table of a service that remembers which photos are gone, beside its own tables. */
export interface DeletedPhotoTables extends EventTables {
  /** Kept for good: an analysis that was under way when its photo was deleted must not bring results back. */
  deleted_photos: { photo_id: string; deleted_at: Generated<Date> };
}

/** Creates the table of {@link DeletedPhotoTables}; one entry of a service's migrations. */
export const deletedPhotosMigration: Migrations[string] = {
  async up(db) {
    await db.schema
      .createTable("deleted_photos")
      .addColumn("photo_id", "uuid", (column) => column.primaryKey())
      .addColumn("deleted_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .execute();
  },
};

/** True when the photo is gone; until the transaction ends nobody else can mark it so. */
export async function isDeletedPhoto<Tables extends DeletedPhotoTables>(
  trx: Kysely<Tables>,
  photoId: string,
): Promise<boolean> {
  const db = deletedPhotoTables(trx);
  await takeTurn(db, photoId);
  const row = await db
    .selectFrom("deleted_photos")
    .select("photo_id")
    .where("photo_id", "=", photoId)
    .executeTakeFirst();
  return row !== undefined;
}

/** Consumes `library.photo.deleted`: forgets what is stored of the photo and keeps later results out. */
export function consumeDeletions<Tables extends DeletedPhotoTables>(
  host: ServiceHost<Tables>,
  service: string,
  forget: (trx: Transaction<Tables>, photo: eventsV1.PhotoRef) => Promise<void>,
): void {
  host.consume({
    consumer: `${service}-deletions`,
    filter: events.photoDeleted.subject,
    concurrency: 4,
    async handle(event, { once }) {
      const { photo } = decodeEvent(events.photoDeleted, event);
      if (!photo) return;
      await once(async (trx) => {
        await markDeleted(trx, photo.photoId);
        await forget(trx, photo);
      });
    },
  });
}

async function markDeleted<Tables extends DeletedPhotoTables>(
  trx: Kysely<Tables>,
  photoId: string,
): Promise<void> {
  const db = deletedPhotoTables(trx);
  await takeTurn(db, photoId);
  await db
    .insertInto("deleted_photos")
    .values({ photo_id: photoId })
    .onConflict((conflict) => conflict.column("photo_id").doNothing())
    .execute();
}

/** Storing and deleting take turns per photo: a transaction does not see rows that another is about to commit. */
async function takeTurn(db: Kysely<DeletedPhotoTables>, photoId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`photo ${photoId}`}, 0))`.execute(db);
}

function deletedPhotoTables<Tables extends DeletedPhotoTables>(
  db: Kysely<Tables>,
): Kysely<DeletedPhotoTables> {
  // Kysely is invariant in its tables although every query on the smaller set is valid on the larger one.
  return db as unknown as Kysely<DeletedPhotoTables>;
}
