import { migrate, openDatabase } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { migrations } from "../src/store/migrations/index.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { findUsage } from "../src/store/usage.ts";

test("usage is counted from the photos that are there already", async () => {
  const server = await startEmbeddedDatabase();
  const database = openDatabase<LibraryTables>({ url: server.url, schema: "library" });
  try {
    const earlier = Object.entries(migrations).filter(([name]) => name < "002");
    await migrate(database, Object.fromEntries(earlier));
    const [owner, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const { db } = database;
    await sql`insert into library.images (sha256, media_type, width, height, size_bytes)
      select 'sha' || n, 'image/jpeg', 1, 1, n from generate_series(1, 4) n`.execute(db);
    await sql`insert into library.photos (id, owner_id, sha256, filename, created_at)
      select gen_random_uuid(), ${owner}::uuid, 'sha' || n, 'a.jpg', now() from generate_series(1, 4) n`.execute(
      db,
    );
    await sql`insert into library.photos (id, owner_id, sha256, filename, created_at)
      values (gen_random_uuid(), ${other}::uuid, 'sha3', 'a.jpg', now())`.execute(db);
    await migrate(database, migrations);
    const noLimits = { maxPhotos: null, maxBytes: null };
    expect(await findUsage(db, owner)).toEqual({ photos: 4, bytes: 10, ...noLimits });
    expect(await findUsage(db, other)).toEqual({ photos: 1, bytes: 3, ...noLimits });
  } finally {
    await database.close();
    await server.close();
  }
});
