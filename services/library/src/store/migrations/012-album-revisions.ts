import { type Kysely, sql } from "kysely";

/** Numbers for what is told of albums, so that whoever hears of it late knows which came last. */
export const albumRevisionsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create sequence library.album_revisions`.execute(db);
    await db.schema
      .alterTable("albums")
      // Of the newest change of the album or of what lies in it; 0 for none since there are numbers.
      .addColumn("revision", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};
