import { type Kysely, type RawBuilder, sql } from "kysely";

/** What owners say of their photos, and the orders in which they are listed. */
export const photoDetailsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable("photos")
      .addColumn("title", "text", (column) => column.notNull().defaultTo(""))
      .addColumn("description", "text", (column) => column.notNull().defaultTo(""))
      .addColumn("hidden", "boolean", (column) => column.notNull().defaultTo(false))
      .addColumn("trashed_at", "timestamptz")
      .addColumn("taken_at_override", "timestamptz")
      .addColumn("taken_at_override_offset_minutes", "smallint")
      .addColumn("captured_at", sql`timestamptz(3)`)
      .addColumn("face_count", "integer", (column) => column.check(sql`face_count >= 0`))
      .addColumn("revision", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
    await sql`
      update library.photos p set captured_at = coalesce(i.taken_at, p.created_at)
      from library.images i where i.sha256 = p.sha256`.execute(db);
    await db.schema
      .alterTable("photos")
      .alterColumn("captured_at", (column) => column.setNotNull())
      .execute();
    // As exact as what page tokens say: a list must go on exactly where it was left.
    await sql`alter table library.photos alter column created_at type timestamptz(3)`.execute(db);
    await createListIndexes(db);
  },
};

/**
 * One index per kind of list and order, each of which holds exactly what its list shows: the first page of favourites
 * costs the same whether they are the newest of a hundred thousand photos or the oldest. By time and not by id alone,
 * for which the primary key would do too: a planner that takes it reads past everything that others added meanwhile.
 */
async function createListIndexes(db: Kysely<unknown>): Promise<void> {
  const lists: Record<string, RawBuilder<boolean>> = {
    listed: sql`trashed_at is null and not hidden`,
    favorite: sql`trashed_at is null and not hidden and favorite`,
    hidden: sql`trashed_at is null and hidden`,
    trash: sql`trashed_at is not null`,
  };
  for (const [name, condition] of Object.entries(lists)) {
    for (const [order, column] of Object.entries({ added: "created_at", taken: "captured_at" })) {
      await db.schema
        .createIndex(`photos_${name}_${order}`)
        .on("photos")
        .columns(["owner_id", column, "id"])
        .where(condition)
        .execute();
    }
  }
  await sql`
    create index photos_trashed_at on library.photos (trashed_at) where trashed_at is not null`.execute(db);
  await sql`
    create index photo_stages_failed on library.photo_stages (owner_id, photo_id, stage)
    where status = 'FAILED'`.execute(db);
}
