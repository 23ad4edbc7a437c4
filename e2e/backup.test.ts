import { join } from "node:path";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { openSource } from "../cli/src/backup/backup-source.ts";
import { createBackup } from "../cli/src/backup/create-backup.ts";
import { openBlobs } from "../cli/src/backup/open-blobs.ts";
import { openTarTarget } from "../cli/src/backup/tar-target.ts";
import { Releases } from "../cli/src/releases.ts";
import { type BackupContent, backupContent } from "./harness/backup-content.ts";
import { Client } from "./harness/client.ts";
import { serverFaults } from "./harness/inspection.ts";
import {
  dataDirectory,
  type OcelliProcess,
  removeFolders,
  runOcelli,
  startOcelli,
  temporaryFolder,
} from "./harness/ocelli-process.ts";
import { peopleOf, until } from "./harness/people.ts";
import { differentPictures, photoBytes } from "./harness/photos.ts";

const keySecret = "a secret that the operator keeps elsewhere";
const common = {
  OCELLI_EVENTS: "in-process",
  OCELLI_WORKERS: "1",
  RATE_LIMIT_AUTH: "off",
  AUTH_KEY_SECRET: keySecret,
  WEBHOOKS_ALLOW_HTTP: "true",
  WEBHOOKS_ALLOW_PRIVATE: "true",
};
const idSchema = z.object({ id: z.uuid() });
const owner = "backup-owner@example.org";
const busyUser = "backup-busy@example.org";

let source: OcelliProcess;
let target: OcelliProcess;
let postgres: NativePostgres;
/** Settings of the system that is restored into: another kind of database, another folder. */
let restored: NodeJS.ProcessEnv;
let data: string;
let tar: string;
let client: Client;
let apiKey: string;
let albumId: string;
let linkSecret: string;
/** What the owner sees before the backup, by path. */
let seen: Map<string, unknown>;

async function answerOf<T>(schema: z.ZodType<T>, answer: Promise<Response>): Promise<T> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return schema.parse(await response.json());
}

/** Everything that the owner can read of what is his. */
async function look(user: Client): Promise<Map<string, unknown>> {
  const lists = [
    "/photos?pageSize=100",
    "/albums",
    "/people",
    "/jobs",
    "/webhooks",
    "/api-keys",
    "/users/me/usage",
  ];
  const photos = await user.photos();
  const parts = photos.flatMap(({ id }) => [`/photos/${id}`, `/photos/${id}/faces`]);
  const album = [
    `/albums/${albumId}`,
    `/albums/${albumId}/photos`,
    `/albums/${albumId}/shares`,
    `/albums/${albumId}/links`,
  ];
  const found = new Map<string, unknown>();
  for (const path of [...lists, ...parts, ...album]) {
    const response = await user.request(path);
    expect([path, response.status]).toEqual([path, 200]);
    found.set(path, await response.json());
  }
  for (const query of ["a cup of coffee", "Eileen", "Quittengelee"])
    found.set(
      query,
      (await user.search(query, "&minScore=0")).map(({ photoId }) => photoId),
    );
  return found;
}

beforeAll(async () => {
  data = dataDirectory();
  [source, postgres] = await Promise.all([
    startOcelli(["up"], { ...common, OCELLI_DATA: data }),
    startNativePostgres(),
  ]);
  tar = join(temporaryFolder(), "one.tar");
  restored = {
    ...common,
    OCELLI_DATA: temporaryFolder(),
    DATABASE_URL: await postgres.createDatabase("restored"),
  };
  client = await Client.signedUp(source.address, owner);
  const busy = await Client.signedUp(source.address, busyUser);
  await makeContent();
  seen = await look(client);
  await backUpWhileBusy(busy);
}, 240_000);

afterAll(async () => {
  await source?.end("SIGKILL");
  await target?.end("SIGKILL");
  await postgres?.stop();
  removeFolders();
});

/** Photos with a person who has a name, words of the owner, an album that is shared in both ways, a key, a webhook, a job. */
async function makeContent(): Promise<void> {
  const photoIds: string[] = [];
  for (const [index, picture] of (await differentPictures(2, 0, "astronaut.png")).entries())
    photoIds.push(await client.upload(picture, `${index}.jpg`));
  photoIds.push(await client.upload(photoBytes("coffee.png"), "coffee.png"));
  const photos = [];
  for (const id of photoIds) photos.push(await client.analysed(id));
  const faces = photos.flatMap((photo) => photo.faces ?? []);
  await peopleOf(client).make(
    faces.map(({ id }) => id),
    "Eileen",
  );
  await client.send("PATCH", `/photos/${photoIds[2]}`, {
    title: "Breakfast",
    description: "Quittengelee",
    favorite: true,
  });
  albumId = (await answerOf(idSchema, client.post("/albums", { name: "Morning" }))).id;
  await client.post(`/albums/${albumId}/photos`, { photoIds });
  await client.send("PUT", `/albums/${albumId}/shares`, { email: busyUser, role: "viewer" });
  const link = client.post(`/albums/${albumId}/links`, { password: "tram 28" });
  linkSecret = (await answerOf(z.object({ secret: z.string() }), link)).secret;
  const key = client.post("/api-keys", { name: "script", scopes: ["photos:read"] });
  apiKey = (await answerOf(z.object({ secret: z.string() }), key)).secret;
  await answerOf(idSchema, client.post("/webhooks", { url: "http://127.0.0.1:9/", types: ["photo.ready"] }));
  const { id: jobId } = await answerOf(idSchema, client.post("/jobs", { photoIds, onlyMissing: true }));
  const status = async () =>
    (await answerOf(z.object({ status: z.string() }), client.request(`/jobs/${jobId}`))).status;
  await until(async () => (await status()) === "SUCCEEDED");
}

/** Somebody else uploads, has a job run and deletes all the time that two backups are taken. */
async function backUpWhileBusy(busy: Client): Promise<void> {
  const pictures = await differentPictures(12);
  const first = [];
  for (const [index, picture] of pictures.slice(0, 4).entries())
    first.push(await busy.upload(picture, `b${index}.jpg`));
  await answerOf(idSchema, busy.post("/jobs", { photoIds: first }));
  let isDone = false;
  const work = (async () => {
    for (let round = 0; !isDone; round += 1) {
      const id = await busy.upload(pictures[4 + (round % 8)] ?? new Uint8Array(), `r${round}.jpg`);
      if (round % 2 === 0) await busy.send("DELETE", `/photos/${id}?permanent=true`);
      if (round === 1) await busy.send("DELETE", `/photos/${first[0]}?permanent=true`);
    }
  })();
  const { code, stderr } = await runOcelli(["backup", tar], { ...common, OCELLI_DATA: data });
  isDone = true;
  await work;
  expect([code, stderr]).toEqual([0, ""]);
}

const contentOf = async (path: string): Promise<BackupContent> => {
  const opened = await openSource(path);
  try {
    return await backupContent(opened);
  } finally {
    await opened.close();
  }
};

describe("a backup of a running system", () => {
  test("is restored into an empty system of another kind, row by row and file by file", async () => {
    const result = await runOcelli(["restore", tar], restored);
    expect([result.code, result.stderr]).toEqual([0, ""]);
    const copy = join(temporaryFolder(), "copy.tar");
    await backUpAgain(copy);
    const [original, second] = [await contentOf(tar), await contentOf(copy)];
    expect(original.rows.get("library.photos")?.length).toBeGreaterThan(3);
    expect(original.rows.get("search.vectors_1")?.length).toBeGreaterThan(3);
    for (const [table, rows] of original.rows) expect([table, second.rows.get(table)]).toEqual([table, rows]);
    // Files of photos that were deleted before the snapshot are in the first only.
    expect(second.files).toEqual(original.files.filter((line) => second.files.includes(line)));
    expect(second.sequences).toEqual(original.sequences);
  }, 120_000);

  test("says the same as the installation itself once that is stopped", async () => {
    await source.end("SIGTERM");
    const folder = temporaryFolder();
    const result = await runOcelli(["backup", folder], { ...common, OCELLI_DATA: data });
    expect([result.code, result.stderr]).toEqual([0, ""]);
    const [running, stopped] = [await contentOf(tar), await contentOf(folder)];
    // What changed meanwhile is of the other user; accounts, albums and people are of the first.
    for (const table of [
      "auth.users",
      "auth.api_keys",
      "library.albums",
      "library.album_links",
      "face.people",
    ])
      expect([table, running.rows.get(table)]).toEqual([table, stopped.rows.get(table)]);
  }, 120_000);
});

/** Without a process of its own, which takes longer than the backup. */
async function backUpAgain(path: string): Promise<void> {
  const url = restored.DATABASE_URL ?? "";
  const releases = new Releases();
  try {
    await createBackup({
      stores: { search: url, captioning: url, face: url, scene: url, library: url, auth: url },
      blobs: await openBlobs(restored, releases),
      target: await openTarTarget(path),
      version: "test",
      now: () => new Date(),
      renditions: true,
      readBack: true,
    });
  } finally {
    await releases.run();
  }
}

describe("the restored system", () => {
  beforeAll(async () => {
    target = await startOcelli(["up"], restored);
    client = await new Client(target.address).logIn({ email: owner });
  }, 120_000);

  test("shows the owner exactly what there was", async () => {
    const now = await look(client);
    for (const [path, value] of seen) expect([path, now.get(path)]).toEqual([path, value]);
    for (const { id, sha256 } of await client.photos()) {
      const bytes = Buffer.from(await (await client.request(`/photos/${id}/original`)).arrayBuffer());
      expect(
        await crypto.subtle.digest("SHA-256", bytes).then((hash) => Buffer.from(hash).toString("hex")),
      ).toBe(sha256);
    }
  });

  test("knows keys and links, and no session of before", async () => {
    const script = new Client(target.address);
    script.apiKey = apiKey;
    expect(await script.photos()).toHaveLength(3);
    const opened = await new Client(target.address).post("/links/open", {
      secret: linkSecret,
      password: "tram 28",
    });
    expect(opened.ok).toBe(true);
    const sessions = await answerOf(
      z.object({ items: z.array(z.unknown()) }),
      client.request("/auth/sessions"),
    );
    expect(sessions.items).toHaveLength(1);
  });

  test("finishes what was under way, and nothing is left over in any store", async () => {
    const busy = await new Client(target.address).logIn({ email: busyUser });
    for (const { id } of await busy.photos()) await busy.analysed(id);
    const jobs = async () =>
      (
        await answerOf(z.object({ items: z.array(z.object({ status: z.string() })) }), busy.request("/jobs"))
      ).items.map(({ status }) => status);
    await expect
      .poll(jobs, { timeout: 60_000 })
      .not.toContainEqual(expect.stringMatching(/QUEUED|RUNNING|STALLED/));
    const database = new pg.Client({ connectionString: restored.DATABASE_URL });
    await database.connect();
    try {
      for (const table of [
        "captioning.captions",
        "face.face_scans",
        "scene.photo_scenes",
        "search.vectors_1",
      ]) {
        const orphans = async () =>
          (
            await database.query(
              `select photo_id from ${table} where photo_id not in (select id from library.photos)`,
            )
          ).rows;
        await expect.poll(orphans, { timeout: 20_000 }).toEqual([]);
      }
    } finally {
      await database.end();
    }
    const verified = await runOcelli(["library", "verify"], restored);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringMatching(/all is well/)]);
  });

  test("goes on working: upload, search, live", async () => {
    const [picture = new Uint8Array()] = await differentPictures(1, 33);
    const id = await client.upload(picture, "Wolpertinger.jpg");
    expect((await client.analysed(id)).caption?.text).toBeTruthy();
    expect((await client.search("Wolpertinger")).map(({ photoId }) => photoId)).toContain(id);
    const feed = await client.request(`/photos/${id}/events`);
    await feed.body?.cancel();
    expect(feed.status).toBe(200);
    expect(await serverFaults(target)).toEqual({ answers: 0, logged: [] });
  });
});
