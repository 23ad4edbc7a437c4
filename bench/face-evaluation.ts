import { randomUUID, randomUUIDv7 } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { migrate, openDatabase } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { createEngine, loadManifest } from "@ocelli/inference";
import { distanceOf } from "../services/face/src/grouping/vectors.ts";
import { createPeopleGrouping } from "../services/face/src/grouping.ts";
import { analyzeFaces } from "../services/face/src/model/analyze.ts";
import { appendPeopleChanges } from "../services/face/src/people-events.ts";
import { migrations } from "../services/face/src/store/migrations/index.ts";
import { beginChange } from "../services/face/src/store/owners.ts";
import { requestRegrouping } from "../services/face/src/store/regroup-owners.ts";
import type { FaceTables } from "../services/face/src/store/tables.ts";
import { agreement, chineseWhispers, dbscan, type Groups, nearGraph } from "./clustering-methods.ts";
import { benchModel, insertFace } from "./face-rows.ts";
import { quantile } from "./figures.ts";
import { type LabelledFace, makeFaces } from "./synthetic-faces.ts";

const usage = `usage: node bench/face-evaluation.ts FOLDER   (pictures as FOLDER/PERSON/FILE, one person on each)
       node bench/face-evaluation.ts --synthetic=1000`;
const distances = [0.4, 0.45, 0.5, 0.55, 0.6];
const foundSize = 3;

/** Largest face of every picture; a picture without one is told and left out. */
async function facesOfFolder(folder: string): Promise<LabelledFace[]> {
  const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 64 });
  try {
    const faces: LabelledFace[] = [];
    const persons = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const [person, { name }] of persons.sort((a, b) => (a.name < b.name ? -1 : 1)).entries()) {
      for (const file of (await readdir(join(folder, name))).sort()) {
        const path = join(folder, name, file);
        const image = await engine.decode(path, () => readFile(path));
        const found = (await analyzeFaces(engine, image)).faces;
        found.sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
        const [face] = found;
        if (face) faces.push({ person, quality: face.quality, vector: face.embedding });
        else console.log(`no face in ${path}`);
      }
    }
    return faces;
  } finally {
    await engine.close();
  }
}

/** What the service makes of the faces, one photo each, in this order; then once more after a regrouping. */
async function groupAsService(
  faces: readonly LabelledFace[],
): Promise<{ arrived: Groups; regrouped: Groups }> {
  const embedded = await startEmbeddedDatabase();
  const database = openDatabase<FaceTables>({ url: embedded.url, schema: "face" });
  try {
    await migrate(database, migrations);
    const { db } = database;
    const people = createPeopleGrouping({
      db,
      model: benchModel,
      newId: randomUUIDv7,
      log: { warn: (problem: unknown) => console.error(problem) },
      announce: appendPeopleChanges,
      settings: {
        groupingMemory: 64_000_000,
        minPersonFaces: foundSize,
        regroupIntervalMs: 3_600_000,
        regroupPollMs: 1_000,
      },
    });
    const ownerId = randomUUID();
    const ids: string[] = [];
    for (const face of faces) {
      await db.transaction().execute(async (trx) => {
        await beginChange(trx, ownerId);
        const { id, photoId } = await insertFace(trx, ownerId, face);
        ids.push(id);
        await people.grouping.assignPhoto(trx, { ownerId, photoId });
      });
    }
    const groupsNow = async (): Promise<Groups> => {
      const rows = await db
        .selectFrom("faces")
        .select(["id", "person_id"])
        .where("owner_id", "=", ownerId)
        .execute();
      const persons = [...new Set(rows.map(({ person_id }) => person_id))];
      const groups = new Map(
        rows.map(({ id, person_id }) => [id, person_id === null ? null : persons.indexOf(person_id)]),
      );
      return ids.map((id) => groups.get(id) ?? null);
    };
    const arrived = await groupsNow();
    await requestRegrouping(db, ownerId);
    await people.worker.runPending();
    await people.worker.stop();
    return { arrived, regrouped: await groupsNow() };
  } finally {
    await database.close();
    await embedded.close();
  }
}

/** Means and extremes of distances: what the calibration of a model is made from. */
function describeDistances(faces: readonly LabelledFace[]): void {
  for (const [name, good] of [
    ["all faces", 0],
    ["faces of quality .6 and more", 0.6],
  ] as const) {
    const same: number[] = [];
    const different: number[] = [];
    const chosen = faces.filter(({ quality }) => quality >= good).slice(0, 2_000);
    for (const [at, a] of chosen.entries()) {
      for (const b of chosen.slice(0, at)) {
        (a.person === b.person ? same : different).push(distanceOf(a.vector, b.vector));
      }
    }
    for (const [kind, values] of [
      ["same", same],
      ["different", different],
    ] as const) {
      const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
      const shares = [0, 0.01, 0.5, 0.99, 1].map((share) => quantile(values, share).toFixed(3)).join(" ");
      console.log(
        `${name}, ${kind}: ${values.length} pairs, mean ${mean.toFixed(3)}, 0/1/50/99/100 %: ${shares}`,
      );
    }
  }
}

function report(name: string, faces: readonly LabelledFace[], groups: Groups): void {
  const found = agreement(faces, groups);
  const figures = [found.precision, found.recall, found.bCubedPrecision, found.bCubedRecall, found.bCubedF];
  console.log(
    [
      name.padEnd(28),
      ...figures.map((figure) => figure.toFixed(4)),
      `${found.mixedGroups}/${found.groups}`,
    ].join("  "),
  );
}

const [argument = ""] = process.argv.slice(2);
const synthetic = /^--synthetic=(\d{1,6})$/.exec(argument);
if (!argument || (argument.startsWith("--") && !synthetic)) {
  console.error(usage);
  process.exit(2);
}
const count = Number(synthetic?.[1] ?? 0);
const faces = synthetic
  ? makeFaces({ faces: count, persons: Math.max(1, Math.round((count * 0.7) / 35)), strangers: 0.3, seed: 1 })
  : await facesOfFolder(argument);
describeDistances(faces);
console.log("method                        pair P  pair R  B3 P    B3 R    B3 F    mixed groups");
// Every two faces compared: not at all sizes.
if (faces.length <= 20_000) {
  const graph = nearGraph(faces, Math.max(...distances));
  for (const distance of distances) report(`DBSCAN ${distance}`, faces, dbscan(graph, distance, foundSize));
  for (const distance of distances)
    report(`Chinese whispers ${distance}`, faces, chineseWhispers(graph, distance, foundSize));
}
const ours = await groupAsService(faces);
report("Ocelli, as faces arrive", faces, ours.arrived);
report("Ocelli, regrouped", faces, ours.regrouped);
