import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "@ocelli/chassis";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { Migrator } from "kysely/migration";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client, testPassword } from "../../e2e/harness/client.ts";
import { serverFaults } from "../../e2e/harness/inspection.ts";
import {
  type OcelliProcess,
  removeFolders,
  startOcelli,
  temporaryFolder,
} from "../../e2e/harness/ocelli-process.ts";
import { photoBytes } from "../../e2e/harness/photos.ts";
import { createPasswords } from "../../services/auth/src/passwords.ts";
import { openSource } from "../src/backup/backup-source.ts";
import { createBackup } from "../src/backup/create-backup.ts";
import { type StoreName, storeNames } from "../src/backup/format.ts";
import { openBlobs } from "../src/backup/open-blobs.ts";
import { restoreBackup } from "../src/backup/restore-backup.ts";
import { serviceStores } from "../src/backup/service-stores.ts";
import { openTarTarget } from "../src/backup/tar-target.ts";
import { Releases } from "../src/releases.ts";

const email = "upgrade@example.org";
const [owner, photo, album, job, face] = [1, 2, 3, 4, 5].map(
  (n) => `00000000-0000-4000-8000-00000000000${n}`,
);
const bytes = photoBytes("rocket.jpg");
const sha256 = createHash("sha256").update(bytes).digest("hex");
const stages = ["scene", "faces", "ocr", "embed", "caption", "index"];

let postgres: NativePostgres;
let ocelli: OcelliProcess | undefined;
const releases = new Releases();

/** Rows as earlier versions wrote them, by service and by the migration after which they are put in. */
async function rowsOfOld(): Promise<Record<StoreName, Record<string, string[]>>> {
  const hash = await hashPassword(testPassword);
  const of = `'${photo}', '${owner}', '${sha256}'`;
  return {
    auth: {
      "001_init": [
        `insert into auth.users values ('${owner}', '${email}', '${email}', 'Old User', 'admin', '${hash}', '2024-05-01')`,
        `insert into auth.sessions values ('${job}', '${owner}', '2024-05-01', '2024-05-01', '2124-05-01')`,
      ],
    },
    library: {
      "001_photos": [
        `insert into library.images values ('${sha256}', 'image/jpeg', 640, 427, ${bytes.length}, '2024-05-01', '{"cameraMake":"Kamera","cameraModel":"1"}')`,
        `insert into library.photos values (${of}, 'old.jpg', true, '2024-05-02')`.replace(
          of,
          `'${photo}', '${owner}', '${sha256}'`,
        ),
        ...stages.map(
          (stage) =>
            `insert into library.photo_stages (photo_id, stage, owner_id, status) values ('${photo}', '${stage}', '${owner}', 'SUCCEEDED')`,
        ),
      ],
      "006_albums": [
        `insert into library.albums (id, owner_id, name, created_at, updated_at) values ('${album}', '${owner}', 'Old album', now(), now())`,
        `insert into library.album_photos values ('${album}', '${photo}', '${owner}', now())`,
      ],
      "007_jobs": [
        `insert into library.jobs (id, owner_id, request_id, kind, stages, only_missing, status, total, open, done, finished_at)
         values ('${job}', '${owner}', '${job}', 'analysis', '{scene}', false, 'SUCCEEDED', 1, 0, 1, now())`,
        `insert into library.job_items (job_id, position, owner_id, photo_id, filename, status) values ('${job}', 0, '${owner}', '${photo}', 'old.jpg', 'SUCCEEDED')`,
      ],
    },
    captioning: {
      "001_captions_and_texts": [
        `insert into captioning.captions (photo_id, owner_id, sha256, model, ms, text, source, score) values (${of}, 'old@1', 1, 'a wolpertinger on a rocket', 'RESULT_SOURCE_NEURAL', 0.9)`,
        `insert into captioning.photo_texts (photo_id, owner_id, sha256, model, ms, lines) values (${of}, 'old@1', 1, '[]')`,
      ],
    },
    face: {
      "001_faces": [
        `insert into face.face_scans (photo_id, owner_id, sha256, model, ms) values (${of}, 'old@1', 1)`,
        `insert into face.faces (id, photo_id, owner_id, x, y, width, height, score, quality, landmarks, embedding, model)
         values ('${face}', '${photo}', '${owner}', 0.1, 0.1, 0.2, 0.2, 0.9, 0.8, '[]', '\\x0000', 'detector@1+embedder@1')`,
      ],
    },
    scene: {
      "001_photo_scenes": [
        `insert into scene.photo_scenes (photo_id, owner_id, sha256, result, model, ms) values (${of}, '', 'old@1', 1)`,
      ],
    },
    search: {
      "001_documents": [
        `insert into search.documents (photo_id, owner_id, sha256, filename, caption, labels, ended, indexed_at)
         values (${of}, 'old.jpg', 'a wolpertinger on a rocket', '{rocket}', '{caption}', now())`,
      ],
    },
  };
}

/** At a lower cost than today's, as an earlier version may have had it: the login replaces it. */
async function hashPassword(password: string): Promise<string> {
  const passwords = await createPasswords({ memoryBytes: 8_388_608, passes: 1, concurrency: 1, queue: 1 });
  return passwords.hash(password);
}

/** Each store from its first migration to its last but one, with rows put in where they were first possible. */
async function makeOldStores(url: string): Promise<void> {
  const rows = await rowsOfOld();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const name of storeNames) {
    const migrations = await serviceStores[name].migrations();
    const { db, close } = openDatabase<unknown>({ url, schema: name, maxConnections: 1 });
    await client.query(`create schema ${name}`);
    const migrator = new Migrator({
      db,
      provider: { getMigrations: async () => migrations },
      migrationTableSchema: name,
      migrationTableName: "migrations",
      migrationLockTableName: "migrations_lock",
    });
    for (const migration of Object.keys(migrations).sort().slice(0, -1)) {
      const { error } = await migrator.migrateTo(migration);
      if (error) throw error;
      for (const statement of rows[name][migration] ?? []) await client.query(statement);
    }
    await close();
  }
  await client.end();
}

beforeAll(async () => {
  postgres = await startNativePostgres();
});
afterAll(async () => {
  await ocelli?.end("SIGKILL");
  await releases.run();
  await postgres?.stop();
  removeFolders();
});

const all = (url: string) => ({
  search: url,
  captioning: url,
  face: url,
  scene: url,
  library: url,
  auth: url,
});

test("data of old schemas, backed up there and restored here, goes through every migration and is read by today's code", async () => {
  const [old, now] = [await postgres.createDatabase("old"), await postgres.createDatabase("now")];
  await makeOldStores(old);
  const [oldBlobs, data] = [temporaryFolder(), temporaryFolder()];
  const folder = join(oldBlobs, sha256.slice(0, 2), sha256.slice(2, 4));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, sha256), bytes);
  const target = await openTarTarget(join(temporaryFolder(), "old.tar"));
  const { path, manifest } = await createBackup({
    stores: all(old),
    blobs: await openBlobs({ LIBRARY_DATA: oldBlobs }, releases),
    target,
    version: "0.0.1",
    now: () => new Date(),
    renditions: true,
    readBack: true,
  }).finally(() => target.discard());
  expect(manifest.stores.auth.migrations.at(-1)).not.toBe(
    Object.keys(await serviceStores.auth.migrations()).at(-1),
  );
  const source = await openSource(path);
  const blobs = await openBlobs({ OCELLI_DATA: data }, releases);
  await restoreBackup({ source, openTarget: async () => ({ stores: all(now), blobs }), drill: false });
  await source.close();
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: data,
    OCELLI_EVENTS: "in-process",
    OCELLI_WORKERS: "1",
    DATABASE_URL: now,
  });
  const client = await new Client(ocelli.address).logIn({ email });
  const found = await client.photo(photo ?? "");
  expect(found).toMatchObject({
    filename: "old.jpg",
    favorite: true,
    sha256,
    caption: { text: "a wolpertinger on a rocket" },
  });
  expect(found.faces).toHaveLength(1);
  expect(found.stages.people?.status).toBe("SKIPPED");
  expect((await client.search("wolpertinger")).map(({ photoId }) => photoId)).toEqual([photo]);
  const items = z.object({ items: z.array(z.object({ id: z.string() })) });
  for (const [list, id] of [
    ["/albums", album],
    [`/albums/${album}/photos`, photo],
    ["/jobs", job],
  ] as const)
    expect([
      list,
      items.parse(await (await client.request(list)).json()).items.map((item) => item.id),
    ]).toEqual([list, [id]]);
  const preview = await client.request(`/photos/${photo}/preview`);
  expect([preview.status, preview.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  const usage = await (await client.request("/users/me/usage")).json();
  expect(usage).toMatchObject({ photos: 1, bytes: bytes.length });
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
}, 120_000);
