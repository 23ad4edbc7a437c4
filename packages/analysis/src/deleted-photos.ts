import {
  createEventEraser,
  type DeletedOwnerTables,
  decodeEvent,
  deletePhotoEvents,
  type Migrations,
  ownerLock,
  type ServiceHost,
} from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import { type Generated, type Kysely, type RawBuilder, sql, type Transaction } from "kysely";

/** The tables of a service that remember which photos and which owners are gone, beside its own tables. */
export interface DeletedPhotoTables extends DeletedOwnerTables {
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

/** True when the photo or its owner is gone; until the transaction ends nobody else can mark it so. */
export async function isDeletedPhoto<Tables extends DeletedPhotoTables>(
  trx: Kysely<Tables>,
  photo: eventsV1.PhotoRef,
): Promise<boolean> {
  const db = deletedPhotoTables(trx);
  await sql`select ${photoLock(photo.photoId)}, ${ownerLock(photo.ownerId)}`.execute(db);
  const { gone } = await db
    .selectNoFrom(({ exists, or, selectFrom }) =>
      or([
        exists(selectFrom("deleted_photos").select("photo_id").where("photo_id", "=", photo.photoId)),
        exists(selectFrom("deleted_owners").select("user_id").where("user_id", "=", photo.ownerId)),
      ]).as("gone"),
    )
    .executeTakeFirstOrThrow();
  return Boolean(gone);
}

/**
 * Consumes `library.photo.deleted`: forgets what is stored of the photo, keeps later results out, and erases what
 * events said of it.
 */
export function consumeDeletions<Tables extends DeletedPhotoTables>(
  host: ServiceHost<Tables>,
  service: string,
  forget: (trx: Transaction<Tables>, photo: eventsV1.PhotoRef) => Promise<void>,
): void {
  const { db, schema } = host.database;
  const tombstones = sql.table(`${schema}.deleted_photos`);
  const eraser = createEventEraser({
    erase: (signal) =>
      deletePhotoEvents(
        db,
        { schema, signal },
        (photoId) => sql`exists (select from ${tombstones} d where d.photo_id = ${photoId})`,
      ),
    log: host.log,
  });
  host.onStop(eraser.stop);
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
      eraser.kick();
    },
  });
}

async function markDeleted<Tables extends DeletedPhotoTables>(
  trx: Kysely<Tables>,
  photoId: string,
): Promise<void> {
  const db = deletedPhotoTables(trx);
  await sql`select ${photoLock(photoId)}`.execute(db);
  await db
    .insertInto("deleted_photos")
    .values({ photo_id: photoId })
    .onConflict((conflict) => conflict.column("photo_id").doNothing())
    .execute();
}

/** Storing and deleting take turns per photo: a transaction does not see rows that another is about to commit. */
function photoLock(photoId: string): RawBuilder<unknown> {
  return sql`pg_advisory_xact_lock(hashtextextended(${`photo ${photoId}`}, 0))`;
}

function deletedPhotoTables<Tables extends DeletedPhotoTables>(
  db: Kysely<Tables>,
): Kysely<DeletedPhotoTables> {
  // Kysely is invariant in its tables although every query on the smaller set is valid on the larger one.
  return db as unknown as Kysely<DeletedPhotoTables>;
}
