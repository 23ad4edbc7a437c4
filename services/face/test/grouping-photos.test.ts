import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { createEngine, loadManifest } from "@ocelli/inference";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomNumbers } from "../../../bench/synthetic-faces.ts";
import { analyzeFaces, type FaceResult } from "../src/model/analyze.ts";
import type { FaceTables } from "../src/store/tables.ts";
import { addPhoto, groupingOn, newOwner, openFaceStore, personsOf } from "./grouping-support.ts";

const shared = join(import.meta.dirname, "../../../../shared/photos");
const own = join(import.meta.dirname, "../../../e2e/photos");
const names = ["obama.jpg", "obama2.jpg", "biden.jpg", "biden2.jpg", "two_people.jpg"];
const absent = names.some((name) => !existsSync(join(shared, name)));
const orders = 20;

let embedded: EmbeddedDatabase;
let store: Database<FaceTables>;
const found = new Map<string, FaceResult[]>();

beforeAll(async () => {
  if (absent) {
    console.warn(`skipped: the photos ${names.join(", ")} are not in ${shared}`);
    return;
  }
  embedded = await startEmbeddedDatabase();
  store = await openFaceStore(embedded.url);
  const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 1, queueLimit: 64 });
  for (const path of [...names.map((name) => join(shared, name)), join(own, "astronaut.png")]) {
    const image = await engine.decode(path, () => readFile(path));
    const { faces } = await analyzeFaces(engine, image);
    // Left to right, so that the two of the group picture can be told apart.
    found.set(
      path.slice(path.lastIndexOf("/") + 1),
      faces.sort((a, b) => a.box.x - b.box.x),
    );
  }
  await engine.close();
}, 120_000);

afterAll(async () => {
  if (absent) return;
  await store.close();
  await embedded.close();
});

/** Uploads the photos in an order; answers the persons on each, left to right. */
async function upload(order: readonly string[]): Promise<Map<string, (string | null)[]>> {
  const people = groupingOn(store);
  const owner = newOwner();
  const ids = new Map<string, string[]>();
  for (const name of order) {
    const faces = found.get(name) ?? [];
    const specs = faces.map(({ embedding, quality }) => ({ vector: embedding, quality }));
    ids.set(name, await addPhoto(store, people, owner, specs));
  }
  const persons = new Map<string, (string | null)[]>();
  for (const [name, faceIds] of ids) persons.set(name, await personsOf(store, faceIds));
  return persons;
}

test.skipIf(absent)(
  "the two men are two persons in any order of upload, the astronaut is neither",
  async () => {
    const random = randomNumbers(5);
    const all = [...names, "astronaut.png"];
    for (let each = 0; each < orders; each++) {
      const order = all.toSorted(() => random() - 0.5);
      const persons = await upload(order);
      const [obama] = persons.get("obama.jpg") ?? [];
      const [biden] = persons.get("biden.jpg") ?? [];
      expect(obama, order.join()).toEqual(expect.any(String));
      expect(biden, order.join()).toEqual(expect.any(String));
      expect(obama).not.toBe(biden);
      expect(persons.get("obama2.jpg"), order.join()).toEqual([obama]);
      expect(persons.get("biden2.jpg"), order.join()).toEqual([biden]);
      expect(new Set(persons.get("two_people.jpg")), order.join()).toEqual(new Set([obama, biden]));
      expect(persons.get("astronaut.png")).toEqual([null]);
    }
  },
  120_000,
);
