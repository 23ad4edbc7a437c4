import { randomUUIDv7 } from "node:crypto";
import type { Database } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { assignFaces, insertDistinction, rejectFace } from "../src/store/decisions.ts";
import { giveFaces, insertFoundPerson } from "../src/store/grouping-changes.ts";
import { beginChange } from "../src/store/owners.ts";
import { insertPerson } from "../src/store/people.ts";
import type { FaceTables } from "../src/store/tables.ts";
import {
  addPhoto,
  asHuman,
  groupingOn,
  insertFaces,
  newOwner,
  openFaceStore,
  personsOf,
  point,
} from "./grouping-support.ts";

let embedded: EmbeddedDatabase;
let native: NativePostgres;
const stores = new Map<string, Database<FaceTables>>();

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  native = await startNativePostgres();
  stores.set("embedded", await openFaceStore(embedded.url));
  stores.set("native", await openFaceStore(native.url));
}, 60_000);

afterAll(async () => {
  for (const store of stores.values()) await store.close();
  await embedded.close();
  await native.stop();
});

function storeNamed(name: string): Database<FaceTables> {
  const store = stores.get(name);
  if (!store) throw new Error(`there is no store ${name}`);
  return store;
}

/** Three mutually near faces at a place, each on a photo of its own. */
async function addThree(
  store: Database<FaceTables>,
  people: ReturnType<typeof groupingOn>,
  owner: string,
  x: number,
) {
  const ids: string[] = [];
  for (const y of [0, 0.1, 0.2])
    ids.push(...(await addPhoto(store, people, owner, [{ vector: point(x, y) }])));
  return ids;
}

/** Persons of one face each, on a photo of its own, as a model would have made them. */
async function addPersons(store: Database<FaceTables>, owner: string, vectors: readonly Float32Array[]) {
  const ids: string[] = [];
  for (const vector of vectors) {
    const faces = await addPhoto(store, undefined, owner, [{ vector }]);
    const id = randomUUIDv7();
    await asHuman(store, owner, async (trx) => {
      await insertFoundPerson(trx, owner, id);
      await giveFaces(
        trx,
        owner,
        id,
        faces.map((faceId) => ({ faceId, similarity: 0.9 })),
      );
    });
    ids.push(id);
  }
  return ids;
}

describe.each(["embedded", "native"])("on the %s database", (name) => {
  test("three near faces of three photos become a person, two do not", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    const two: string[] = [];
    for (const y of [0, 0.1]) two.push(...(await addPhoto(store, people, owner, [{ vector: point(0, y) }])));
    expect(await personsOf(store, two)).toEqual([null, null]);
    const third = await addPhoto(store, people, owner, [{ vector: point(0, 0.2) }]);
    const persons = await personsOf(store, [...two, ...third]);
    expect(new Set(persons).size).toBe(1);
    expect(persons).not.toContain(null);
  });

  test("near faces of one photo are not a person", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    const faces = [0, 0.1, 0.2].map((y) => ({ vector: point(0, y) }));
    expect(await personsOf(store, await addPhoto(store, people, owner, faces))).toEqual([null, null, null]);
  });

  test("of two faces of one photo near a person the nearer one joins", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    const [person] = await personsOf(store, await addThree(store, people, owner, 0));
    const twins = await addPhoto(store, people, owner, [
      { vector: point(0, 0.4) },
      { vector: point(0, 0.1) },
    ]);
    expect(await personsOf(store, twins)).toEqual([null, person]);
  });

  test("the worse a face, the nearer it must be; below the floor nothing is near enough", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    const [person] = await personsOf(store, await addThree(store, people, owner, 0));
    const at = async (distance: number, quality: number) => {
      const vector = point(0, 0.1, distance);
      const [answer] = await personsOf(store, await addPhoto(store, people, owner, [{ vector, quality }]));
      return answer;
    };
    expect(await at(0.46, 0.2)).toBeNull();
    expect(await at(0.3, 0.2)).toBe(person);
    expect(await at(0.46, 0.9)).toBe(person);
    expect(await at(0.01, 0.1)).toBeNull();
  });

  test("a face between two persons is nobody's", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    await addThree(store, people, owner, 0);
    const [other] = await personsOf(store, await addThree(store, people, owner, 0.8));
    const between = await addPhoto(store, people, owner, [{ vector: point(0.4, 0.1) }]);
    expect(await personsOf(store, between)).toEqual([null]);
    const nearer = await addPhoto(store, people, owner, [{ vector: point(0.5, 0.1) }]);
    expect(await personsOf(store, nearer)).toEqual([other]);
  });

  test("who was rejected is not joined, and what a human took away stays away", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    const faces = await addThree(store, people, owner, 0);
    const [person] = await personsOf(store, faces);
    const photoId = randomUUIDv7();
    const [face = ""] = await addPhoto(store, people, owner, [{ vector: point(0, 0.1) }], photoId);
    expect(await personsOf(store, [face])).toEqual([person]);
    await asHuman(store, owner, (trx) =>
      rejectFace(trx, { ownerId: owner, faceId: face, personId: person ?? "", at: new Date() }),
    );
    await asHuman(store, owner, (trx) => people.grouping.assignPhoto(trx, { ownerId: owner, photoId }));
    expect(await personsOf(store, [face])).toEqual([null]);
    const removed = faces.slice(0, 1);
    await asHuman(store, owner, (trx) => assignFaces(trx, owner, removed, null));
    await addPhoto(store, people, owner, [{ vector: point(0, 0.1) }]);
    expect(await personsOf(store, removed)).toEqual([null]);
  });

  test("a person of one face that a human named wins further faces", async () => {
    const store = storeNamed(name);
    const people = groupingOn(store);
    const owner = newOwner();
    const named = await addPhoto(store, people, owner, [{ vector: point(0, 0) }]);
    const id = randomUUIDv7();
    await asHuman(store, owner, async (trx) => {
      await insertPerson(trx, { id, ownerId: owner, name: "Ada", requestId: null, at: new Date() });
      await assignFaces(trx, owner, named, id);
    });
    expect(await personsOf(store, await addPhoto(store, people, owner, [{ vector: point(0.3) }]))).toEqual([
      id,
    ]);
  });

  test("who is new becomes a person also when memory is full of strangers, in a replica that runs and in a fresh one", async () => {
    const store = storeNamed(name);
    const little = { groupingMemory: 200_000 };
    const running = groupingOn(store, little);
    const owner = newOwner();
    for (let photo = 0; photo < 10; photo++) {
      const strangers = Array.from({ length: 12 }, (_, at) => ({ vector: point(3 + photo, 3 * at) }));
      await addPhoto(store, running, owner, strangers);
    }
    const found = await personsOf(store, await addThree(store, running, owner, 0));
    expect(new Set(found).size).toBe(1);
    expect(found).not.toContain(null);
    const fresh = groupingOn(store, little);
    const other = await personsOf(store, await addThree(store, fresh, owner, 1));
    expect(new Set(other).size).toBe(1);
    expect(other).not.toContain(null);
    expect(running.indexes.bytes).toBeLessThan(little.groupingMemory);
  });

  test("pairs of hidden persons take no suggestion's place, and an answered pair is asked no more", async () => {
    const store = storeNamed(name);
    const { suggestions } = groupingOn(store);
    const owner = newOwner();
    // 33 persons are 528 pairs, all nearer than the one that is left to be asked.
    const hidden = await addPersons(
      store,
      owner,
      Array.from({ length: 33 }, (_, at) => point(5, at / 100)),
    );
    const [a = "", b = ""] = await addPersons(store, owner, [point(0), point(0.5)]);
    await asHuman(store, owner, (trx) =>
      trx.updateTable("people").set({ hidden: true }).where("id", "in", hidden).execute(),
    );
    expect(await suggestions.list(owner)).toMatchObject([{ personId: a, otherId: b }]);
    await asHuman(store, owner, (trx) =>
      insertDistinction(trx, { ownerId: owner, persons: [a, b], at: new Date() }),
    );
    expect(await suggestions.list(owner)).toEqual([]);
    await asHuman(store, owner, (trx) =>
      trx.updateTable("people").set({ hidden: false }).where("id", "in", hidden).execute(),
    );
    expect(await suggestions.list(owner)).toHaveLength(500);
  });

  test("a replica sees what another one did, also after a change that was undone", async () => {
    const store = storeNamed(name);
    const [first, second] = [groupingOn(store), groupingOn(store)];
    const owner = newOwner();
    await addPhoto(store, first, owner, [{ vector: point(5) }]);
    await second.grouping.prepare(owner);
    const [person] = await personsOf(store, await addThree(store, first, owner, 0));
    const joined = await addPhoto(store, second, owner, [{ vector: point(0, 0.1) }]);
    expect(await personsOf(store, joined)).toEqual([person]);
    // A change that takes everybody's faces away and fails: who looked in the meantime must not go on believing it.
    const undone = store.db.transaction().execute(async (trx) => {
      await beginChange(trx, owner);
      await trx.updateTable("faces").set({ person_id: null }).where("owner_id", "=", owner).execute();
      await trx.deleteFrom("faces").where("id", "in", joined).execute();
      const photoId = randomUUIDv7();
      await insertFaces(trx, owner, photoId, [{ vector: point(3) }]);
      await second.grouping.assignPhoto(trx, { ownerId: owner, photoId });
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    const later = await addPhoto(store, second, owner, [{ vector: point(0, 0.15) }]);
    expect(await personsOf(store, later)).toEqual([person]);
  });
});
