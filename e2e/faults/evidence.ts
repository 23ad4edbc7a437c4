import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { stages as stageTree } from "@ocelli/contracts";
import { z } from "zod";
import { meshServices } from "../harness/mesh.ts";
import type { FaultMesh } from "./fault-mesh.ts";
import type { PatientClient } from "./patient-client.ts";
import type { Recorder } from "./recorder.ts";
import type { Ask, Store } from "./stores.ts";

/** A photo as a user sees it in the end. */
export interface SeenPhoto {
  id: string;
  sha256: string;
  title: string;
  /** Status by stage. */
  stages: Record<string, string>;
  /** Hash of the original as it is read; what went wrong when it cannot be. */
  original: string;
}

/** What a user has in the end. */
export interface SeenUser {
  photos: SeenPhoto[];
  /** What a search for anything finds. */
  found: string[];
  jobs: { id: string; status: string; done: number; failed: number; total: number }[];
  /** Names by person, of those that were named. */
  names: Map<string, string | null>;
  /** Photos that were deleted, by what reading them answers. */
  deleted: Map<string, number>;
}

/** All that the invariants are judged by. */
export interface Evidence {
  users: SeenUser[];
  /** Rows of each photo in the tables of results, by table. */
  results: Map<string, Map<string, number>>;
  /** By service: events not sent, ends of stages that the library has not handled, and those given up. */
  events: Map<Store, { unsent: number; unheard: string[]; dead: DeadLetter[] }>;
  /** Entries of the feed, by `<photo or job> <what>`. */
  told: Map<string, number>;
  /** What is counted in some place, and how much there is. */
  counts: { what: string; counted: number; there: number }[];
  /** What has not ended: stages, jobs and their photos. */
  open: string[];
  /** Photos of which the search knows a document that has not been deleted, with whether it is complete. */
  documents: Map<string, boolean>;
  /** Hashes of the originals that lie in the blob store, and those that something refers to. */
  files: { there: string[]; known: Set<string> };
}

/** An event that was given up. */
export interface DeadLetter {
  consumer: string;
  eventId: string;
  subject: string;
  reason: string;
}

/** Where the results of a photo lie, and which stage puts them there. */
export const resultTables = [
  { store: "captioning", table: "captions", stage: "caption" },
  { store: "captioning", table: "photo_texts", stage: "ocr" },
  { store: "face", table: "face_scans", stage: "faces" },
  { store: "scene", table: "photo_scenes", stage: "scene" },
] as const;

/** Looks at everything, from outside as a user does, and in the stores. */
export async function gatherEvidence(
  mesh: FaultMesh,
  ask: Ask,
  recorder: Recorder,
  clients: readonly PatientClient[],
): Promise<Evidence> {
  const users = await Promise.all(clients.map((client, number) => seeUser(client, number, recorder)));
  const results = new Map<string, Map<string, number>>();
  for (const { store, table } of resultTables) {
    const query = `select photo_id as key, count(*)::int as n from ${store}.${table} group by 1`;
    results.set(`${store}.${table}`, toMap(await ask(store, query)));
  }
  const events: Evidence["events"] = new Map();
  const heard = await ask<{ id: string }>(
    "library",
    "select event_id as id from library.inbox where consumer = 'library-stages'",
  );
  const heardIds = new Set(heard.map(({ id }) => id));
  for (const store of meshServices) events.set(store, await bookkeeping(ask, store, heardIds));
  const documents = await ask<{ id: string; complete: boolean }>(
    "search",
    `select photo_id as id, indexed_at is not null and cardinality(ended) = ${indexNeeds} as complete
     from search.documents where not deleted`,
  );
  return {
    users,
    results,
    events,
    told: toMap(await ask("library", toldQuery)),
    counts: await countsOf(ask),
    open: (await ask<{ what: string }>("library", openQuery)).map(({ what }) => what),
    documents: new Map(documents.map(({ id, complete }) => [id, complete])),
    files: { there: originalsIn(mesh.mesh.libraryFolder), known: await knownFiles(ask) },
  };
}

const indexNeeds = stageTree.find(({ name }) => name === "index")?.needs.length ?? 0;

/** Subjects of what ends a stage well, all of which the library handles. */
const stageEnds = stageTree.map(({ produces }) => produces);

async function bookkeeping(ask: Ask, store: Store, heard: ReadonlySet<string>) {
  const ends = await ask<{ id: string }>(store, `select id from ${store}.outbox where subject = any($1)`, [
    stageEnds,
  ]);
  const [unsent] = await ask<{ n: number }>(
    store,
    `select count(*)::int as n from ${store}.outbox where sent_at is null`,
  );
  return {
    unsent: unsent?.n ?? 0,
    unheard: ends.flatMap(({ id }) => (heard.has(id) ? [] : [id])),
    dead: await ask<DeadLetter & Record<string, unknown>>(
      store,
      `select consumer, event_id as "eventId", subject, reason from ${store}.dead_letters`,
    ),
  };
}

const toldQuery = `
  select subject_id || ' ' || coalesce(data->>'stage', data->>'status', type) as key, count(*)::int as n
  from library.feed
  where type in ('photo.stage', 'photo.ready', 'photo.deleted')
    or (type = 'job.updated' and data->>'status' in ('SUCCEEDED', 'FAILED', 'CANCELLED'))
  group by 1`;

const openQuery = `
  select 'stage ' || stage || ' of ' || photo_id || ' is ' || status as what from library.photo_stages
  where status in ('PENDING', 'RUNNING')
  union all
  select 'job ' || id || ' is ' || status || ', open ' || open || ', in flight ' || in_flight from library.jobs
  where finished_at is null or open <> 0 or in_flight <> 0
  union all
  select 'photo ' || position || ' of job ' || job_id || ' is ' || status from library.job_items
  where status not in ('SUCCEEDED', 'FAILED', 'CANCELLED') or open <> 0`;

/** Everything that is counted as it changes, beside what a count of today gives. */
async function countsOf(ask: Ask): Promise<Evidence["counts"]> {
  const usage = await ask<{ what: string; counted: number; there: number }>(
    "library",
    `select 'photos of ' || u.owner_id as what, u.photos::int as counted,
       (select count(*)::int from library.photos p where p.owner_id = u.owner_id) as there
     from library.owner_usage u
     union all
     select 'bytes of ' || u.owner_id, u.bytes::int,
       (select coalesce(sum(i.size_bytes), 0)::int from library.photos p join library.images i using (sha256)
        where p.owner_id = u.owner_id)
     from library.owner_usage u
     union all
     select 'done and failed of job ' || j.id, j.done + j.failed, j.total from library.jobs j where j.status <> 'CANCELLED'
     union all
     select 'items that succeeded of job ' || j.id, j.done,
       (select count(*)::int from library.job_items i where i.job_id = j.id and i.status = 'SUCCEEDED')
     from library.jobs j`,
  );
  const counted = toMap(
    await ask(
      "library",
      "select id as key, face_count as n from library.photos where coalesce(face_count, 0) > 0",
    ),
  );
  const faces = toMap(
    await ask("face", "select photo_id as key, count(*)::int as n from face.faces where detected group by 1"),
  );
  const photos = new Set([...counted.keys(), ...faces.keys()]);
  const ofFaces = [...photos].map((id) => ({
    what: `faces of ${id}`,
    counted: counted.get(id) ?? 0,
    there: faces.get(id) ?? 0,
  }));
  return [...usage, ...ofFaces];
}

async function knownFiles(ask: Ask): Promise<Set<string>> {
  const query = "select sha256 from library.images union select sha256 from library.loose_blobs";
  return new Set((await ask<{ sha256: string }>("library", query)).map(({ sha256 }) => sha256));
}

function originalsIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.flatMap((name) => /[/]([0-9a-f]{64})$/.exec(name)?.[1] ?? []);
}

const photoSchema = z.object({
  id: z.string(),
  sha256: z.string(),
  title: z.string().nullish(),
  stages: z.record(z.string(), z.object({ status: z.string() })),
});
const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  progress: z.object({ done: z.number(), failed: z.number(), total: z.number() }),
});

async function seeUser(client: PatientClient, number: number, recorder: Recorder): Promise<SeenUser> {
  const listed = await allPages(client, "/photos?pageSize=100", z.object({ id: z.string() }));
  const photos: SeenPhoto[] = [];
  for (const { id } of listed) {
    const answer = await client.send("GET", `/photos/${id}`);
    const { sha256, title, stages } = photoSchema.parse(answer?.body);
    const statuses = Object.entries(stages).map(([stage, { status }]) => [stage, status] as const);
    const original = await hashOfOriginal(client, id);
    photos.push({ id, sha256, title: title ?? "", stages: Object.fromEntries(statuses), original });
  }
  const hits = await allPages(
    client,
    "/search?q=picture&minScore=0&pageSize=100",
    z.object({ photoId: z.string() }),
  );
  const jobs = await allPages(client, "/jobs?pageSize=100", jobSchema);
  const names = new Map<string, string | null>();
  for (const { id, owner } of recorder.people.values()) {
    if (owner !== number) continue;
    const person = await client.send("GET", `/people/${id}`);
    names.set(id, z.object({ name: z.string().nullable() }).parse(person?.body).name);
  }
  const deleted = new Map<string, number>();
  for (const { id, owner, fate } of recorder.photos.values()) {
    if (owner !== number || fate !== "deleted") continue;
    deleted.set(id, (await client.send("GET", `/photos/${id}`))?.status ?? 0);
  }
  const found = hits.map(({ photoId }) => photoId);
  return {
    photos,
    found,
    jobs: jobs.map(({ id, status, progress }) => ({ id, status, ...progress })),
    names,
    deleted,
  };
}

async function hashOfOriginal(client: PatientClient, id: string): Promise<string> {
  const answer = await client.send("GET", `/photos/${id}/original`);
  if (answer?.status !== 200)
    return `not readable: ${answer?.status} ${answer?.bytes.toString("utf8", 0, 200)}`;
  return createHash("sha256").update(answer.bytes).digest("hex");
}

async function allPages<T>(client: PatientClient, path: string, item: z.ZodType<T>): Promise<T[]> {
  const page = z.object({ items: z.array(item), nextPageToken: z.string() });
  const all: T[] = [];
  for (let token = ""; ; ) {
    const answer = await client.send("GET", `${path}${token && `&pageToken=${encodeURIComponent(token)}`}`);
    if (answer?.status !== 200) throw new Error(`${path}: ${answer?.status} ${answer?.bytes.toString()}`);
    const { items, nextPageToken } = page.parse(answer.body);
    all.push(...items);
    if (nextPageToken === "") return all;
    token = nextPageToken;
  }
}

function toMap(rows: { key: string; n: number }[]): Map<string, number> {
  return new Map(rows.map(({ key, n }) => [key, n]));
}
