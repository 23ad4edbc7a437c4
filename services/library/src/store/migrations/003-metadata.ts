import { type Kysely, sql } from "kysely";

/** What metadata says of an image, in columns that can be searched and sorted by. */
export const metadataMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const textColumns = ["camera", "lens", "city", "region", "country"];
    let table = db.schema
      .alterTable("images")
      .addColumn("taken_at_offset_minutes", "smallint")
      .addColumn("latitude", "double precision", (column) => column.check(sql`latitude between -90 and 90`))
      .addColumn("longitude", "double precision", (column) =>
        column.check(sql`longitude between -180 and 180`),
      );
    for (const name of textColumns) {
      table = table.addColumn(name, "text", (column) => column.notNull().defaultTo(""));
    }
    await table.execute();
    // What earlier versions read lies in the JSON alone.
    await sql`
      update library.images set
        camera = left(trim(concat_ws(' ', exif ->> 'cameraMake', exif ->> 'cameraModel')), 200),
        lens = coalesce(exif ->> 'lens', ''),
        latitude = (exif ->> 'latitude')::double precision,
        longitude = (exif ->> 'longitude')::double precision
      where exif is not null`.execute(db);
  },
};
