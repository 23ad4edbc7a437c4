import { randomUUID } from "node:crypto";
import { migrate, openDatabase } from "@ocelli/chassis";
import { startNativePostgres } from "@ocelli/testkit";
import { type Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import {
  dropRetiredModels,
  findActiveModel,
  finishPass,
  holdPass,
  registerModel,
} from "../src/store/face-models.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { FaceTables } from "../src/store/tables.ts";

const [owner, photo, face] = [randomUUID(), randomUUID(), randomUUID()];
const before = "face-detect-blazeface@1+face-embed-dlib@7+face-processing@1";
const after = "face-embed-dlib@7+face-alignment@1";

/** Which partition holds how many embeddings. */
async function places(db: Kysely<FaceTables>): Promise<[string, number][]> {
  const { rows } = await sql<{ place: string; model: string; n: number }>`
    select tableoid::regclass::text as place, model, count(*)::int as n
    from face.face_embeddings group by 1, 2 order by 2`.execute(db);
  return rows.map(({ place, model, n }) => [
    `${model} ${place.endsWith("_default") ? "waits" : "has a partition"}`,
    n,
  ]);
}

test("faces from before persons keep their embeddings, and are grouped in the background", async () => {
  const server = await startNativePostgres();
  const database = openDatabase<FaceTables>({ url: server.url, schema: "face" });
  const { db } = database;
  try {
    const earlier = Object.entries(migrations).filter(([name]) => name < "005");
    await migrate(database, Object.fromEntries(earlier));
    await sql`insert into face.face_scans (photo_id, owner_id, sha256, model, ms)
      values (${photo}, ${owner}, 'bytes', ${before}, 1)`.execute(db);
    await sql`insert into face.faces
        (id, photo_id, owner_id, x, y, width, height, score, quality, landmarks, embedding, model)
      values (${face}, ${photo}, ${owner}, 0.1, 0.1, 0.2, 0.2, 1, 1, '[]', '\\x00000000', ${before})`.execute(
      db,
    );
    await migrate(database, migrations);
    expect(await places(db)).toEqual([[`${after} waits`, 1]]);
    const owners = await db
      .selectFrom("face_owners")
      .select(["owner_id", "enabled", "regroup_requested_at"])
      .execute();
    expect(owners).toEqual([{ owner_id: owner, enabled: true, regroup_requested_at: expect.any(Date) }]);
    const faces = await db
      .selectFrom("faces")
      .select(["source", "person_id", "erased", "detected"])
      .execute();
    expect(faces).toEqual([{ source: "MODEL", person_id: null, erased: false, detected: true }]);

    await registerModel(db, { model: after, dimension: 1 });
    await registerModel(db, { model: after, dimension: 1 });
    expect(await places(db)).toEqual([[`${after} has a partition`, 1]]);
    expect(await findActiveModel(db)).toEqual({ model: after, dimension: 1 });
    await takeOver(db);
  } finally {
    await database.close();
    await server.stop();
  }
});

/** A further model is filled, takes over, and the first one goes after the time it is kept. */
async function takeOver(db: Kysely<FaceTables>): Promise<void> {
  await registerModel(db, { model: "next", dimension: 2 });
  expect(await findActiveModel(db)).toMatchObject({ model: after });
  const row = { model: "next", face_id: face, owner_id: owner, embedding: new Uint8Array(8) };
  await db.insertInto("face_embeddings").values(row).execute();
  const lease = { model: "next", owner: randomUUID(), leaseMs: 1000 };
  expect(await finishPass(db, lease)).toBe("again");
  expect(await holdPass(db, lease)).toBeDefined();
  expect(await finishPass(db, lease)).toBe("activated");
  expect(await dropRetiredModels(db, 60_000)).toEqual([]);
  // Back before it is dropped: what is there of it is used again.
  await registerModel(db, { model: after, dimension: 1 });
  const back = { ...lease, model: after };
  await holdPass(db, back);
  expect(await finishPass(db, back)).toBe("activated");
  expect(await dropRetiredModels(db, 0)).toEqual(["next"]);
  expect(await places(db)).toEqual([[`${after} has a partition`, 1]]);
}
