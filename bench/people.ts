import { randomUUID, randomUUIDv7 } from "node:crypto";
import { type Database, migrate, openDatabase } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { startNativePostgres } from "@ocelli/testkit";
import pg from "pg";
import { createPeopleGrouping, type PeopleGrouping } from "../services/face/src/grouping.ts";
import { appendPeopleChanges } from "../services/face/src/people-events.ts";
import { migrations } from "../services/face/src/store/migrations/index.ts";
import { beginChange } from "../services/face/src/store/owners.ts";
import { requestRegrouping } from "../services/face/src/store/regroup-owners.ts";
import type { FaceTables } from "../services/face/src/store/tables.ts";
import { benchModel, insertFace, storeFaces } from "./face-rows.ts";
import { type BenchSize, type Figure, quantile } from "./figures.ts";
import { createFaceMaker, makeFaces } from "./synthetic-faces.ts";

/** Of all faces, those of people who are seen once. */
const strangers = 0.3;
const facesPerPerson = 35;
const assignments = 300;
const seed = 1;

/** Grouping at the size of a large library of one owner, on both kinds of database. */
export async function measurePeople(size: BenchSize): Promise<Figure[]> {
  const embedded = await startEmbeddedDatabase();
  try {
    const figures = await measureOn("embedded", embedded.url, size);
    const native = await startNativePostgres();
    try {
      return [...figures, ...(await measureOn("native", native.url, size))];
    } finally {
      await native.stop();
    }
  } finally {
    await embedded.close();
  }
}

async function measureOn(kind: string, url: string, { faces }: BenchSize): Promise<Figure[]> {
  const group = `people, ${kind}`;
  const database = openDatabase<FaceTables>({ url, schema: "face" });
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  try {
    await migrate(database, migrations);
    const ownerId = randomUUID();
    const persons = Math.round((faces * (1 - strangers)) / facesPerPerson);
    await storeFaces(pool, ownerId, makeFaces({ faces, persons, strangers, seed }), persons);
    const people = groupingOn(database);
    const loadStarted = performance.now();
    await people.grouping.prepare(ownerId);
    const loadMs = performance.now() - loadStarted;
    const megabytes = people.indexes.bytes / 1e6;
    const times = await assignmentTimes(database, people, ownerId, persons);
    const regroup = await measureRegrouping(database, people, ownerId);
    const named = (name: string) => `${name}, ${faces} faces of ${persons} persons`;
    return [
      {
        group,
        name: named("one new face grouped, p50"),
        value: quantile(times, 0.5),
        unit: "ms",
        target: { at: "most", value: 20 },
      },
      { group, name: "one new face grouped, p95", value: quantile(times, 0.95), unit: "ms" },
      { group, name: "index in memory", value: megabytes, unit: "MB" },
      { group, name: "index read the first time", value: loadMs / 1000, unit: "s" },
      { group, name: "all regrouped", value: regroup.seconds, unit: "s" },
      { group, name: "memory that regrouping added at most", value: regroup.megabytes, unit: "MB" },
    ];
  } finally {
    await pool.end();
    await database.close();
  }
}

function groupingOn({ db }: Database<FaceTables>): PeopleGrouping {
  return createPeopleGrouping({
    db,
    model: benchModel,
    newId: randomUUIDv7,
    log: { warn: (problem: unknown) => console.error(problem) },
    announce: appendPeopleChanges,
    settings: {
      groupingMemory: 64_000_000,
      minPersonFaces: 3,
      regroupIntervalMs: 3_600_000,
      regroupPollMs: 1_000,
    },
  });
}

/** Milliseconds that grouping takes within the transaction of a scan: new faces of persons, and of strangers. */
async function assignmentTimes(
  { db }: Database<FaceTables>,
  people: PeopleGrouping,
  ownerId: string,
  persons: number,
): Promise<number[]> {
  // The same seed puts the persons where those of the stored faces are.
  const maker = createFaceMaker(seed);
  const places = Array.from({ length: persons }, () => maker.person());
  const times: number[] = [];
  for (let each = 0; each < assignments; each++) {
    const known = each % 10 < 7 ? places[(each * 37) % persons] : undefined;
    const face = maker.face(each, known ?? maker.person());
    await db.transaction().execute(async (trx) => {
      await beginChange(trx, ownerId);
      const { photoId } = await insertFace(trx, ownerId, face);
      const startedAt = performance.now();
      await people.grouping.assignPhoto(trx, { ownerId, photoId });
      times.push(performance.now() - startedAt);
    });
  }
  return times;
}

async function measureRegrouping(
  { db }: Database<FaceTables>,
  people: PeopleGrouping,
  ownerId: string,
): Promise<{ seconds: number; megabytes: number }> {
  await requestRegrouping(db, ownerId);
  const before = memoryOfThisThread();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, memoryOfThisThread());
  }, 50);
  const startedAt = performance.now();
  await people.worker.runPending();
  clearInterval(timer);
  await people.worker.stop();
  return { seconds: (performance.now() - startedAt) / 1000, megabytes: (most - before) / 1e6 };
}

/** Without what the embedded database takes in its own thread. */
function memoryOfThisThread(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
