import { type Kysely, sql } from "kysely";

/** Albums: a tree per owner, the photos in it, and who else may see them. */
export const albumsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createAlbums(db);
    await db.schema
      .createTable("album_photos")
      .addColumn("album_id", "uuid", (column) =>
        column.notNull().references("library.albums.id").onDelete("cascade"),
      )
      .addColumn("photo_id", "uuid", (column) =>
        column.notNull().references("library.photos.id").onDelete("cascade"),
      )
      .addColumn("owner_id", "uuid", (column) => column.notNull())
      .addColumn("added_at", "timestamptz", (column) => column.notNull())
      .addPrimaryKeyConstraint("album_photos_pkey", ["album_id", "photo_id"])
      .execute();
    await index(db, "album_photos", ["photo_id", "album_id"]);
    await index(db, "album_photos", ["owner_id"]);
    // The photo added last is the cover of an album for which none was chosen.
    await index(db, "album_photos", ["album_id", "added_at", "photo_id"]);
    await createShares(db);
    await createLinks(db);
  },
};

async function createAlbums(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("albums")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("description", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("parent_id", "uuid", (column) => column.check(sql`parent_id <> id`))
    .addColumn("cover_photo_id", "uuid", (column) =>
      column.references("library.photos.id").onDelete("set null"),
    )
    .addColumn("request_id", "uuid")
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("updated_at", "timestamptz", (column) => column.notNull())
    .addUniqueConstraint("albums_owner_request_key", ["owner_id", "request_id"])
    .addUniqueConstraint("albums_owner_id_key", ["owner_id", "id"])
    .execute();
  // With the owner in it, no album can ever come to lie in somebody else's.
  await db.schema
    .alterTable("albums")
    .addForeignKeyConstraint("albums_parent_fkey", ["owner_id", "parent_id"], "library.albums", [
      "owner_id",
      "id",
    ])
    .onDelete("cascade")
    .execute();
  await sql`create index albums_list on library.albums (owner_id, parent_id, lower(name), id)`.execute(db);
  await index(db, "albums", ["parent_id"]);
  await index(db, "albums", ["cover_photo_id"]);
}

async function createShares(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("album_shares")
    .addColumn("album_id", "uuid", (column) =>
      column.notNull().references("library.albums.id").onDelete("cascade"),
    )
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("user_id", "uuid", (column) => column.notNull().check(sql`user_id <> owner_id`))
    .addColumn("role", "text", (column) => column.notNull().check(sql`role in ('viewer', 'contributor')`))
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addPrimaryKeyConstraint("album_shares_pkey", ["album_id", "user_id"])
    .execute();
  await index(db, "album_shares", ["user_id", "album_id"]);
  await index(db, "album_shares", ["owner_id"]);
}

async function createLinks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("album_links")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("album_id", "uuid", (column) =>
      column.notNull().references("library.albums.id").onDelete("cascade"),
    )
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("secret_hash", "bytea", (column) => column.notNull().unique())
    .addColumn("password_hash", "text")
    .addColumn("originals", "boolean", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz")
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .execute();
  await index(db, "album_links", ["album_id", "id"]);
  await index(db, "album_links", ["owner_id"]);
  await db.schema
    .createTable("link_visits")
    .addColumn("token_hash", "bytea", (column) => column.primaryKey())
    .addColumn("link_id", "uuid", (column) =>
      column.notNull().references("library.album_links.id").onDelete("cascade"),
    )
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .execute();
  await index(db, "link_visits", ["link_id"]);
  await index(db, "link_visits", ["owner_id"]);
  await index(db, "link_visits", ["expires_at"]);
  // Wrong passwords by link and by address, counted where all replicas see them.
  await db.schema
    .createTable("link_attempts")
    .addColumn("key", "bytea", (column) => column.primaryKey())
    .addColumn("failures", "integer", (column) => column.notNull())
    .addColumn("window_ends_at", "timestamptz", (column) => column.notNull())
    .execute();
  await index(db, "link_attempts", ["window_ends_at"]);
}

async function index(db: Kysely<unknown>, table: string, columns: string[]): Promise<void> {
  await db.schema
    .createIndex(`${table}_${columns.join("_")}_idx`)
    .on(table)
    .columns(columns)
    .execute();
}
