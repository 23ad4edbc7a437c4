import { randomUUIDv7 } from "node:crypto";
import { type Database, markOwnerDeleted } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAssignment } from "../src/grouping/assignment.ts";
import { createOwnerIndexes } from "../src/grouping/owner-indexes.ts";
import { createRegrouping, type Regrouping } from "../src/grouping/regrouping.ts";
import { faceCalibration } from "../src/grouping.ts";
import { appendPeopleChanges } from "../src/people-events.ts";
import { assignFaces, insertDistinction, rejectFace } from "../src/store/decisions.ts";
import { finishPass, type PassEnd } from "../src/store/face-models.ts";
import { insertPerson, speakOfPerson } from "../src/store/people.ts";
import {
  advanceRegrouping,
  claimRegrouping,
  findRegrouping,
  finishRegrouping,
  requestRegrouping,
} from "../src/store/regroup-owners.ts";
import type { FaceTables } from "../src/store/tables.ts";
import {
  addPhoto,
  asHuman,
  dimension,
  groupingOn,
  model,
  newOwner,
  openFaceStore,
  personsOf,
  point,
} from "./grouping-support.ts";

const neverStops = new AbortController().signal;

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

/** Faces around a place, each on a photo of its own and nobody's. */
async function addLoose(store: Database<FaceTables>, owner: string, x: number, count = 3): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    ids.push(...(await addPhoto(store, undefined, owner, [{ vector: point(x, at / 20) }])));
  }
  return ids;
}

/** A person of these faces, as a model would have made it. */
async function makePerson(
  store: Database<FaceTables>,
  owner: string,
  faces: readonly string[],
): Promise<string> {
  const id = randomUUIDv7();
  await asHuman(store, owner, async (trx) => {
    await trx.insertInto("people").values({ id, owner_id: owner }).execute();
    await trx.updateTable("faces").set({ person_id: id, similarity: 0.9 }).where("id", "in", faces).execute();
  });
  return id;
}

/** The steps, without the worker that takes them. */
function regroupingOn({ db }: Database<FaceTables>): Regrouping {
  const calibration = faceCalibration(model);
  const indexes = createOwnerIndexes({ model, calibration, maxBytes: 1_000_000 });
  const rules = { calibration, foundSize: 3 };
  const assignment = createAssignment({ model, indexes, rules, newId: randomUUIDv7 });
  return createRegrouping({ db, model, indexes, rules, assignment, announce: appendPeopleChanges });
}

/** Runs something while the model is being filled beside another one, which it can let the model take over from. */
async function whileFilling(
  { db }: Database<FaceTables>,
  work: (takeOver: () => Promise<PassEnd>) => Promise<void>,
): Promise<void> {
  const lease = { model, owner: randomUUIDv7(), leaseMs: 60_000 };
  const filled = { model, dimension, state: "FILLING", lease_owner: lease.owner } as const;
  await db
    .insertInto("face_models")
    .values([{ model: "face-embed-earlier@1", dimension, state: "ACTIVE" }, filled])
    .execute();
  await work(() => finishPass(db, lease)).finally(() => db.deleteFrom("face_models").execute());
}

async function regroup(store: Database<FaceTables>, owner: string): Promise<void> {
  await requestRegrouping(store.db, owner);
  await groupingOn(store).worker.runPending();
}

describe.each(["embedded", "native"])("regrouping on the %s database", (name) => {
  test("loose faces become persons, and progress is told", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    const [here, there, alone] = [
      await addLoose(store, owner, 0),
      await addLoose(store, owner, 1),
      await addLoose(store, owner, 2, 1),
    ];
    await regroup(store, owner);
    const [one, other] = [await personsOf(store, here), await personsOf(store, there)];
    expect(new Set(one).size).toBe(1);
    expect(new Set(other).size).toBe(1);
    expect(one).not.toContain(null);
    expect(one[0]).not.toBe(other[0]);
    expect(await personsOf(store, alone)).toEqual([null]);
    const progress = await findRegrouping(store.db, owner);
    expect(progress).toMatchObject({ facesAssigned: 6, peopleMade: 2, finishedAt: expect.any(Date) });
  });

  test("a stranger leaves a person that only models know, and a person that a human named keeps all", async () => {
    const store = storeNamed(name);
    for (const named of [false, true]) {
      const owner = newOwner();
      const faces = await addLoose(store, owner, 0, 4);
      const stranger = await addLoose(store, owner, 2, 1);
      const person = await makePerson(store, owner, [...faces, ...stranger]);
      if (named)
        await asHuman(store, owner, (trx) =>
          speakOfPerson(trx, { ownerId: owner, personId: person, at: new Date() }, { name: "Ada" }),
        );
      await regroup(store, owner);
      expect(await personsOf(store, faces)).toEqual(faces.map(() => person));
      expect(await personsOf(store, stranger)).toEqual([named ? person : null]);
    }
  });

  test("one person that models made twice becomes one, into the one a human named, unless they are different", async () => {
    const store = storeNamed(name);
    for (const different of [false, true]) {
      const owner = newOwner();
      const [mine, theirs] = [await addLoose(store, owner, 0), await addLoose(store, owner, 0.1)];
      const [named, other] = [await makePerson(store, owner, mine), await makePerson(store, owner, theirs)];
      const refused = theirs.slice(0, 1);
      await asHuman(store, owner, async (trx) => {
        await speakOfPerson(trx, { ownerId: owner, personId: named, at: new Date() }, { name: "Ada" });
        await rejectFace(trx, { ownerId: owner, faceId: refused[0] ?? "", personId: named, at: new Date() });
        if (different)
          await insertDistinction(trx, { ownerId: owner, persons: [named, other], at: new Date() });
      });
      await regroup(store, owner);
      expect(await personsOf(store, mine)).toEqual(mine.map(() => named));
      const expected = different ? theirs.map(() => other) : [null, named, named];
      expect(await personsOf(store, theirs)).toEqual(expected);
    }
  });

  test("what a human said stays: given faces, faces taken away", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    const faces = await addLoose(store, owner, 0, 6);
    const far = await addLoose(store, owner, 3, 1);
    const ada = randomUUIDv7();
    await asHuman(store, owner, async (trx) => {
      await insertPerson(trx, { id: ada, ownerId: owner, name: "Ada", requestId: null, at: new Date() });
      await assignFaces(trx, owner, far, ada);
      await assignFaces(trx, owner, faces.slice(0, 1), null);
    });
    await regroup(store, owner);
    await regroup(store, owner);
    expect(await personsOf(store, far)).toEqual([ada]);
    const [removed, ...rest] = await personsOf(store, faces);
    expect(removed).toBeNull();
    expect(new Set(rest).size).toBe(1);
    expect(rest).not.toContain(null);
  });

  test("a regrouping that a dead replica left goes on where it was, once its lease is over", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    const first = await addLoose(store, owner, 0);
    const second = await addLoose(store, owner, 1);
    await requestRegrouping(store.db, owner);
    const dead = { holder: randomUUIDv7(), leaseMs: 300, model };
    const claimed = await claimRegrouping(store.db, dead);
    expect(claimed).toEqual({ ownerId: owner, phase: "CHECK", cursor: null });
    // It died behind the first person's faces.
    const left = { ownerId: owner, phase: "JOIN", cursor: first.at(-1) ?? null } as const;
    await advanceRegrouping(store.db, dead, left, { facesSeen: 3, facesAssigned: 0, peopleMade: 0 });
    const worker = groupingOn(store).worker;
    await worker.runPending();
    expect(await personsOf(store, second)).toEqual([null, null, null]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    await worker.runPending();
    expect(new Set(await personsOf(store, second)).size).toBe(1);
    expect(await personsOf(store, second)).not.toContain(null);
    expect(await personsOf(store, first)).toEqual([null, null, null]);
    expect(await findRegrouping(store.db, owner)).toMatchObject({ facesSeen: 6, peopleMade: 1 });
  });

  test("the same faces give the same groups", async () => {
    const store = storeNamed(name);
    const outcomes: number[][] = [];
    for (const owner of [newOwner(), newOwner()]) {
      const ids: string[] = [];
      for (const x of [0, 0.45, 0.9, 1.3]) ids.push(...(await addLoose(store, owner, x, 5)));
      await regroup(store, owner);
      const persons = await personsOf(store, ids);
      outcomes.push(persons.map((person) => (person === null ? -1 : persons.indexOf(person))));
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(outcomes[0]).not.toEqual(outcomes[0]?.map(() => -1));
  });

  test("owners with new loose faces are regrouped unasked, once per interval", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    const faces = await addLoose(store, owner, 0);
    await groupingOn(store, { regroupIntervalMs: 0 }).worker.runPending();
    expect(await personsOf(store, faces)).not.toContain(null);
    const more = await addLoose(store, owner, 1);
    await groupingOn(store, { regroupIntervalMs: 3_600_000 }).worker.runPending();
    expect(await personsOf(store, more)).toEqual([null, null, null]);
  });

  test("regroupings wait while the model is filled; then a person is judged by all its faces", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    const faces = await addLoose(store, owner, 0, 5);
    const stranger = await addLoose(store, owner, 2, 1);
    const person = await makePerson(store, owner, [...faces, ...stranger]);
    // Of these the model has no embedding yet.
    await store.db.deleteFrom("face_embeddings").where("face_id", "in", faces.slice(2)).execute();
    await whileFilling(store, async (takeOver) => {
      await regroup(store, owner);
      expect(await personsOf(store, [...faces, ...stranger])).not.toContain(null);
      expect(await findRegrouping(store.db, owner)).toMatchObject({ finishedAt: null, facesSeen: 0 });
      for (const phase of ["CHECK", "MERGE", "JOIN"] as const) {
        const step = regroupingOn(store).step({ ownerId: owner, phase, cursor: null }, neverStops);
        expect(await step).toBeUndefined();
      }
      expect(await takeOver()).toBe("activated");
      await groupingOn(store).worker.runPending();
    });
    expect(await personsOf(store, faces)).toEqual(faces.map(() => person));
    expect(await personsOf(store, stranger)).toEqual([null]);
    expect(await findRegrouping(store.db, owner)).toMatchObject({ finishedAt: expect.any(Date) });
  });

  test("a model that takes over starts regroupings again, whatever those who were at them say afterwards", async () => {
    const store = storeNamed(name);
    const { db } = store;
    const owner = newOwner();
    await addLoose(store, owner, 0);
    await whileFilling(store, async (takeOver) => {
      await requestRegrouping(db, owner);
      const earlier = { holder: randomUUIDv7(), leaseMs: 60_000, model: "face-embed-earlier@1" };
      expect(await claimRegrouping(db, earlier)).toMatchObject({ ownerId: owner });
      await takeOver();
      const far = { ownerId: owner, phase: "JOIN", cursor: null } as const;
      const counts = { facesSeen: 3, facesAssigned: 0, peopleMade: 0 };
      expect(await advanceRegrouping(db, earlier, far, counts)).toBe(false);
      expect(await finishRegrouping(db, earlier.holder, owner)).toBeUndefined();
      expect(await claimRegrouping(db, earlier)).toBeUndefined();
      await groupingOn(store).worker.runPending();
      expect(await findRegrouping(db, owner)).toMatchObject({ facesSeen: 3, peopleMade: 1 });
    });
  });

  test("a face that is not the nearest person's, as a human said, joins the next one", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    const [here, there] = [await addLoose(store, owner, 0), await addLoose(store, owner, 0.6)];
    const [refused, other] = [await makePerson(store, owner, here), await makePerson(store, owner, there)];
    const [between = ""] = await addLoose(store, owner, 0.3, 1);
    await asHuman(store, owner, (trx) =>
      rejectFace(trx, { ownerId: owner, faceId: between, personId: refused, at: new Date() }),
    );
    await regroup(store, owner);
    expect(await personsOf(store, [between])).toEqual([other]);
  });

  test("a regrouping under way changes and tells nothing of an owner who was deleted meanwhile", async () => {
    const store = storeNamed(name);
    const { db } = store;
    const owner = newOwner();
    const [stranger, ...faces] = [
      ...(await addLoose(store, owner, 2, 1)),
      ...(await addLoose(store, owner, 0)),
    ];
    await makePerson(store, owner, [stranger ?? "", ...faces]);
    for (const x of [4, 4.1]) await makePerson(store, owner, await addLoose(store, owner, x));
    await addLoose(store, owner, 6);
    const state = async () => ({
      faces: await db
        .selectFrom("faces")
        .select(["id", "person_id"])
        .where("owner_id", "=", owner)
        .orderBy("id")
        .execute(),
      owner: await db.selectFrom("face_owners").selectAll().where("owner_id", "=", owner).execute(),
      told: await db.selectFrom("outbox").select("id").execute(),
    });
    const before = await state();
    await markOwnerDeleted(db, owner);
    for (const phase of ["CHECK", "MERGE", "JOIN"] as const) {
      await regroupingOn(store).step({ ownerId: owner, phase, cursor: null }, neverStops);
      expect(await state()).toEqual(before);
    }
  });

  test("a step that is told to stop leaves off between two faces", async () => {
    const store = storeNamed(name);
    const owner = newOwner();
    await addLoose(store, owner, 0);
    const state = { ownerId: owner, phase: "JOIN", cursor: null } as const;
    await expect(regroupingOn(store).step(state, AbortSignal.abort(new Error("stopping")))).rejects.toThrow(
      "stopping",
    );
    expect(await store.db.selectFrom("people").select("id").where("owner_id", "=", owner).execute()).toEqual(
      [],
    );
  });
});
