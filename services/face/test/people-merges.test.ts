import { randomUUID } from "node:crypto";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failureOf } from "./harness.ts";
import { type PeopleUnderTest, startPeople } from "./people-harness.ts";

let database: EmbeddedDatabase;
let service: PeopleUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  service = await startPeople(database.url);
});
afterAll(async () => {
  await service?.stop();
  await database?.close();
});

/** A user, with calls made in the user's name. */
function newUser() {
  const owner = randomUUID();
  const as = { bearer: owner };
  const { client } = service;
  return {
    owner,
    as,
    person: (faces = 2) => service.addPerson(owner, faces),
    state: () => service.stateOf(owner),
    update: (id: string, fields: { name?: string; favorite?: boolean; birthDate?: string }) =>
      client.updatePerson({ person: { id, ...fields } }, as),
    async merge(survivorId: string, ...personIds: string[]) {
      const { merge } = await client.mergePeople({ survivorId, personIds }, as);
      return merge?.id ?? "";
    },
    undo: (mergeId: string) => client.undoMerge({ mergeId }, as),
    assign: (personId: string, ...faceIds: string[]) => client.assignFaces({ faceIds, personId }, as),
    reject: (faceId: string, personId: string) => client.rejectFace({ faceId, personId }, as),
    async holderOf(faceId: string) {
      const { face } = await client.getFace({ faceId }, as);
      return face?.face?.personId;
    },
    async nameOf(personId: string) {
      const { person } = await client.getPerson({ personId }, as);
      return person?.name;
    },
  };
}

test("a merge makes one of several, and its undo restores everything as it was", async () => {
  const user = newUser();
  const [a, b, c] = [await user.person(), await user.person(3), await user.person(1)];
  await user.update(b.personId, { name: "Ann", birthDate: "1990-02-28" });
  await user.update(c.personId, { name: "Cleo", favorite: true });
  await user.reject(c.faceIds[0] ?? "", b.personId);
  const before = await user.state();
  const { merge, person } = await service.client.mergePeople(
    { survivorId: a.personId, personIds: [b.personId, c.personId] },
    user.as,
  );
  expect(person).toMatchObject({
    id: a.personId,
    name: "Ann",
    birthDate: "1990-02-28",
    favorite: true,
    faceCount: 5,
  });
  // What a model took for Cleo is not Ann, said a human.
  expect(await user.holderOf(c.faceIds[0] ?? "")).toBe("");
  expect(await user.holderOf(b.faceIds[0] ?? "")).toBe(a.personId);
  const asked = await service.client.getPerson({ personId: b.personId }, user.as);
  expect(asked.person?.id).toBe(a.personId);
  const undone = await user.undo(merge?.id ?? "");
  expect(undone.people.map(({ id }) => id)).toEqual([a.personId, b.personId, c.personId]);
  expect(undone.merge?.undoneAt).toBeDefined();
  expect(await user.state()).toEqual(before);
  expect(await failureOf(user.undo(merge?.id ?? ""))).toMatchObject({ reason: "ALREADY_UNDONE" });
});

test("an undo leaves no survivor behind whom only a model knew and whose own faces are somebody else's", async () => {
  const user = newUser();
  const [a, b] = [await user.person(), await user.person()];
  const merge = await user.merge(b.personId, a.personId);
  const split = await service.client.createPerson({ faceIds: b.faceIds, name: "" }, user.as);
  await service.heardOf(user.owner);
  const undone = await user.undo(merge);
  expect(undone.people.map(({ id }) => id)).toEqual([a.personId]);
  const asked = service.client.getPerson({ personId: b.personId }, user.as);
  expect((await failureOf(asked)).reason).toBe("PERSON_NOT_FOUND");
  const { persons } = await service.heardOf(user.owner);
  expect(persons.find(({ personId }) => personId === b.personId)).toMatchObject({ deleted: true });
  for (const face of a.faceIds) expect(await user.holderOf(face)).toBe(a.personId);
  for (const face of b.faceIds) expect(await user.holderOf(face)).toBe(split.person?.id);
});

test("what came since stays: faces with the survivor, words where they were said", async () => {
  const user = newUser();
  const [a, b] = [await user.person(), await user.person(4)];
  await user.update(b.personId, { name: "Ann" });
  const merge = await user.merge(a.personId, b.personId);
  const [later] = await service.addFaces(user.owner, [{ personId: a.personId }]);
  const [kept, rejected, nobodys, returning] = b.faceIds;
  await user.assign(a.personId, kept ?? "");
  await user.reject(rejected ?? "", b.personId);
  await user.assign("", nobodys ?? "");
  await user.update(a.personId, { name: "Anna" });
  await user.undo(merge);
  expect(await user.holderOf(later ?? "")).toBe(a.personId);
  expect(await user.holderOf(kept ?? "")).toBe(a.personId);
  expect(await user.holderOf(rejected ?? "")).toBe("");
  expect(await user.holderOf(nobodys ?? "")).toBe("");
  expect(await user.holderOf(returning ?? "")).toBe(b.personId);
  expect(await user.nameOf(a.personId)).toBe("Anna");
  expect(await user.nameOf(b.personId)).toBe("Ann");
  const rows = await service.host.database.db
    .selectFrom("face_rejections")
    .select(["face_id", "person_id"])
    .where("owner_id", "=", user.owner)
    .execute();
  expect(rows).toHaveLength(2);
  expect(new Set(rows.map(({ person_id }) => person_id))).toEqual(new Set([a.personId, b.personId]));
});

test.each([
  ["the first first", [0, 1]],
  ["the last first", [1, 0]],
])("a chain of merges is undone in any order: %s", async (_, order) => {
  const user = newUser();
  const [a, b, c] = [await user.person(), await user.person(), await user.person()];
  await user.update(a.personId, { name: "Ann", favorite: true });
  const [mine] = await service.addFaces(user.owner, [{ personId: c.personId }]);
  await user.reject(b.faceIds[0] ?? "", a.personId);
  const before = await user.state();
  const merges = [await user.merge(b.personId, a.personId), await user.merge(c.personId, b.personId)];
  expect(await user.nameOf(a.personId)).toBe("Ann");
  expect(await user.holderOf(a.faceIds[0] ?? "")).toBe(c.personId);
  expect(await user.holderOf(b.faceIds[0] ?? "")).toBe("");
  await user.undo(merges[order[0] ?? 0] ?? "");
  if (order[0] === 0) {
    expect(await user.holderOf(a.faceIds[0] ?? "")).toBe(a.personId);
    // Nobody else says that it is not the survivor, whose name was Ann's alone.
    expect(await user.holderOf(b.faceIds[0] ?? "")).toBe(c.personId);
    expect(await user.nameOf(c.personId)).toBe("");
  } else {
    expect(await user.holderOf(a.faceIds[0] ?? "")).toBe(b.personId);
    expect(await user.nameOf(b.personId)).toBe("Ann");
  }
  expect(await user.holderOf(mine ?? "")).toBe(c.personId);
  await user.undo(merges[order[1] ?? 0] ?? "");
  expect(await user.state()).toEqual(before);
});

test("merges into the same survivor are undone in any order", async () => {
  const user = newUser();
  const [s, a, b] = [await user.person(), await user.person(), await user.person()];
  await user.update(a.personId, { name: "Ann" });
  await user.update(b.personId, { name: "Bea", birthDate: "2001-01-01" });
  const before = await user.state();
  const first = await user.merge(s.personId, a.personId);
  const second = await user.merge(s.personId, b.personId);
  expect(await user.nameOf(s.personId)).toBe("Ann");
  await user.undo(first);
  expect(await user.nameOf(s.personId)).toBe("Bea");
  await user.undo(second);
  expect(await user.state()).toEqual(before);
});

test("a human's assignment wins over a rejection that a merge hands on; a model's does not", async () => {
  const user = newUser();
  const [s, a] = [await user.person(3), await user.person()];
  const [byHuman, byModel, free] = s.faceIds;
  await user.assign(s.personId, byHuman ?? "");
  for (const face of [byHuman, byModel]) await user.reject(face ?? "", a.personId);
  const before = await user.state();
  const merge = await user.merge(s.personId, a.personId);
  expect(await user.holderOf(byHuman ?? "")).toBe(s.personId);
  expect(await user.holderOf(byModel ?? "")).toBe("");
  expect(await user.holderOf(free ?? "")).toBe(s.personId);
  await user.undo(merge);
  expect(await user.state()).toEqual(before);
});

test("merges that make no sense are refused", async () => {
  const user = newUser();
  const other = newUser();
  const [a, b, c] = [await user.person(), await user.person(), await user.person()];
  const theirs = await other.person();
  const reasonOf = async (survivorId: string, personIds: string[], as = user.as) =>
    (await failureOf(service.client.mergePeople({ survivorId, personIds }, as))).reason;
  const before = await user.state();
  expect(await reasonOf(a.personId, [])).toBe("INVALID_MERGE");
  expect(await reasonOf(a.personId, [a.personId])).toBe("INVALID_MERGE");
  expect(await reasonOf(a.personId, [b.personId, b.personId])).toBe("INVALID_MERGE");
  const many = Array.from({ length: 51 }, () => randomUUID());
  expect(await reasonOf(a.personId, many)).toBe("INVALID_MERGE");
  expect(await reasonOf(a.personId, [randomUUID()])).toBe("PERSON_NOT_FOUND");
  expect(await reasonOf(a.personId, ["' or true"])).toBe("PERSON_NOT_FOUND");
  expect(await reasonOf("", [a.personId])).toBe("PERSON_NOT_FOUND");
  expect(await reasonOf(a.personId, [theirs.personId])).toBe("PERSON_NOT_FOUND");
  expect(await reasonOf(theirs.personId, [a.personId])).toBe("PERSON_NOT_FOUND");
  expect(await reasonOf(a.personId, [b.personId], other.as)).toBe("PERSON_NOT_FOUND");
  expect(await user.state()).toEqual(before);
  const merge = await user.merge(a.personId, b.personId);
  expect(await reasonOf(c.personId, [b.personId])).toBe("INVALID_MERGE");
  expect(await reasonOf(b.personId, [c.personId])).toBe("INVALID_MERGE");
  for (const [id, as] of [
    [merge, other.as],
    [randomUUID(), user.as],
    ["x", user.as],
  ] as const) {
    const { reason } = await failureOf(service.client.undoMerge({ mergeId: id }, as));
    expect(reason).toBe("MERGE_NOT_FOUND");
  }
  const listed = await service.client.listMerges({ pageSize: 1 }, user.as);
  expect(listed).toMatchObject({
    merges: [{ id: merge, survivorId: a.personId, personIds: [b.personId] }],
    nextPageToken: "",
  });
  expect((await service.client.listMerges({}, other.as)).merges).toEqual([]);
});

test("merges are listed newest first, page by page", async () => {
  const user = newUser();
  const survivor = await user.person(1);
  const made: string[] = [];
  for (let index = 0; index < 5; index++)
    made.push(await user.merge(survivor.personId, (await user.person(1)).personId));
  const seen: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await service.client.listMerges({ pageSize: 2, pageToken }, user.as);
    seen.push(...page.merges.map(({ id }) => id));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(seen).toEqual(made.reverse());
});

test("a survivor that is deleted takes its merges along", async () => {
  const user = newUser();
  const [a, b, c] = [await user.person(), await user.person(), await user.person()];
  await user.merge(b.personId, a.personId);
  const merge = await user.merge(c.personId, b.personId);
  const reason = async (personId: string) =>
    (await failureOf(service.client.deletePerson({ personId }, user.as))).reason;
  // An old list must not delete the survivor for one of those it was made of.
  expect(await reason(a.personId)).toBe("PERSON_NOT_FOUND");
  await service.client.deletePerson({ personId: c.personId }, user.as);
  const state = await user.state();
  expect(state).toMatchObject({ people: [], merge_faces: [] });
  expect(state.faces).toHaveLength(6);
  for (const face of state.faces ?? []) expect(face).toMatchObject({ person_id: null, source: "USER" });
  expect((await failureOf(user.undo(merge))).reason).toBe("MERGE_NOT_FOUND");
});

test("others hear of a merge and of its undo", async () => {
  const user = newUser();
  const [a, b] = [await user.person(1), await user.person(1)];
  await user.update(b.personId, { name: "Ann" });
  await service.heardOf(user.owner);
  const merge = await user.merge(a.personId, b.personId);
  const merged = await service.heardOf(user.owner);
  expect(merged.persons.find(({ personId }) => personId === a.personId)).toMatchObject({
    name: "Ann",
    deleted: false,
  });
  expect(merged.persons.find(({ personId }) => personId === b.personId)).toMatchObject({
    deleted: true,
    mergedInto: a.personId,
  });
  expect(merged.photos.map(({ personIds }) => personIds)).toEqual([[a.personId]]);
  await user.undo(merge);
  const undone = await service.heardOf(user.owner);
  expect(undone.persons.map(({ personId, name, deleted }) => ({ personId, name, deleted }))).toEqual(
    [
      { personId: a.personId, name: "", deleted: false },
      { personId: b.personId, name: "Ann", deleted: false },
    ].sort((one, other) => (one.personId < other.personId ? -1 : 1)),
  );
  expect(undone.photos.map(({ personIds }) => personIds)).toEqual([[b.personId]]);
  expect(undone.persons[0]?.revision).toBeGreaterThan(merged.persons[0]?.revision ?? 0);
});
