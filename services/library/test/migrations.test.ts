import { migrate, openDatabase } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { migrations } from "../src/store/migrations/index.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { findUsage } from "../src/store/usage.ts";

test("photos from before the stage `people` wait for it only where it follows by itself", async () => {
  const server = await startEmbeddedDatabase();
  const database = openDatabase<LibraryTables>({ url: server.url, schema: "library" });
  try {
    const earlier = Object.entries(migrations).filter(([name]) => name < "011");
    await migrate(database, Object.fromEntries(earlier));
    const { db } = database;
    await sql`insert into library.images (sha256, media_type, width, height, size_bytes)
      select status, 'image/jpeg', 1, 1, 1 from unnest(${statuses}::text[]) status`.execute(db);
    await sql`insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at)
      select gen_random_uuid(), gen_random_uuid(), status, 'a.jpg', now(), now()
      from unnest(${statuses}::text[]) status`.execute(db);
    await sql`insert into library.photo_stages (photo_id, owner_id, stage, status)
      select id, owner_id, stage, sha256 from library.photos, unnest(array['faces', 'index']) stage`.execute(
      db,
    );
    await migrate(database, migrations);
    const { rows } = await sql<{ faces: string; people: string }>`
      select p.sha256 as faces, s.status as people
      from library.photos p join library.photo_stages s on s.photo_id = p.id and s.owner_id = p.owner_id
      where s.stage = 'people'`.execute(db);
    expect(Object.fromEntries(rows.map(({ faces, people }) => [faces, people]))).toEqual({
      PENDING: "PENDING",
      RUNNING: "PENDING",
      SUCCEEDED: "SKIPPED",
      FAILED: "SKIPPED",
      SKIPPED: "SKIPPED",
    });
  } finally {
    await database.close();
    await server.close();
  }
});

const statuses = ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED"];

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
