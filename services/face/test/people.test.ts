import { randomUUID, randomUUIDv7 } from "node:crypto";
import { faceV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { giveFaces, moveFaces } from "../src/store/grouping-changes.ts";
import { listRejectionsOf } from "../src/store/grouping-faces.ts";
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

const newUser = () => {
  const owner = randomUUID();
  return { owner, as: { bearer: owner } };
};
const reasonOf = async (call: Promise<unknown>) => (await failureOf(call)).reason;
const { FACE_SOURCE_MODEL, FACE_SOURCE_UNSPECIFIED, FACE_SOURCE_USER } = faceV1.FaceSource;

test("a stranger is named, renamed, un-named; names are tidied and two persons may share one", async () => {
  const { owner, as } = newUser();
  const faceIds = await service.addFaces(owner, [{}, {}]);
  const { person } = await service.client.createPerson({ faceIds, name: "  Ame\u0301lie " }, as);
  expect(person).toMatchObject({
    name: "Am\u00e9lie",
    faceCount: 2,
    photoCount: 2,
    source: FACE_SOURCE_USER,
  });
  const id = person?.id ?? "";
  const { faces } = await service.client.listFaces({ personId: id }, as);
  expect(faces[0]).toMatchObject({
    source: FACE_SOURCE_USER,
    similarity: 1,
    face: { personName: "Am\u00e9lie" },
  });
  const other = await service.addPerson(owner, 1);
  const renamed = await service.client.updatePerson(
    { person: { id: other.personId, name: "Am\u00e9lie" } },
    as,
  );
  expect(renamed.person).toMatchObject({ name: "Am\u00e9lie", source: FACE_SOURCE_USER });
  const unnamed = await service.client.updatePerson({ person: { id }, updateMask: ["name"] }, as);
  expect(unnamed.person?.name).toBe("");
  const longest = "\u{1f642}".repeat(100);
  const long = await service.client.updatePerson({ person: { id, name: longest } }, as);
  expect(long.person?.name).toBe(longest);
  for (const name of [`${longest}x`, "a\u0000b", "a\nb", "x".repeat(100_000)]) {
    expect(await reasonOf(service.client.updatePerson({ person: { id, name } }, as))).toBe("INVALID_NAME");
    const [face] = await service.addFaces(owner, [{}]);
    expect(await reasonOf(service.client.createPerson({ faceIds: [face ?? ""], name }, as))).toBe(
      "INVALID_NAME",
    );
  }
});

test("the same request makes one person", async () => {
  const { owner, as } = newUser();
  const faceIds = await service.addFaces(owner, [{}]);
  const requestId = randomUUID();
  const first = await service.client.createPerson({ faceIds, name: "Ann", requestId }, as);
  const second = await service.client.createPerson({ faceIds, name: "Ann", requestId }, as);
  expect(second.person?.id).toBe(first.person?.id);
  expect((await service.stateOf(owner)).people).toHaveLength(1);
  expect(await reasonOf(service.client.createPerson({ faceIds, requestId: "x" }, as))).toBe(
    "INVALID_REQUEST_ID",
  );
});

test("masks, dates and covers that cannot be are refused, and nothing changes", async () => {
  const { owner, as } = newUser();
  const { personId: id, faceIds } = await service.addPerson(owner, 2);
  const { faceIds: others } = await service.addPerson(owner, 1);
  const before = await service.stateOf(owner);
  const update = (person: object, updateMask: string[] = []) =>
    service.client.updatePerson({ person: { id, ...person }, updateMask }, as);
  const tomorrow = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
  for (const birthDate of [
    "1799-12-31",
    "1990-02-30",
    "1990-2-3",
    "x",
    tomorrow,
    "9999-12-31",
    "0000-00-00",
  ]) {
    expect(await reasonOf(update({ birthDate }))).toBe("INVALID_BIRTH_DATE");
  }
  for (const coverFaceId of [others[0], randomUUID(), "x", "'"]) {
    expect(await reasonOf(update({ coverFaceId }))).toBe("INVALID_COVER");
  }
  for (const mask of [["id"], ["face_count"], ["*"], ["name", "source"]]) {
    expect(await reasonOf(update({ name: "x" }, mask))).toBe("INVALID_MASK");
  }
  expect(await reasonOf(update({}))).toBe("INVALID_MASK");
  expect(await reasonOf(service.client.updatePerson({}, as))).toBe("PERSON_NOT_FOUND");
  expect(await service.stateOf(owner)).toEqual(before);
  const changed = await update(
    { birthDate: "2000-02-29", coverFaceId: faceIds[1], favorite: true, hidden: true },
    ["birth_date", "cover_face_id", "favorite", "hidden"],
  );
  expect(changed.person).toMatchObject({
    birthDate: "2000-02-29",
    coverFaceId: faceIds[1],
    favorite: true,
    hidden: true,
  });
});

test("covers are the best face that can be shown, unless a human chose", async () => {
  const { owner, as } = newUser();
  const { personId } = await service.addPerson(owner, 0);
  const [small, large, good, hidden] = await service.addFaces(owner, [
    { personId, quality: 0.5, width: 0.1 },
    { personId, quality: 0.5, width: 0.3 },
    { personId, quality: 0.6 },
    { personId, quality: 0.9, withheld: true },
  ]);
  const cover = async () => (await service.client.getPerson({ personId }, as)).person?.coverFaceId;
  expect(await cover()).toBe(good);
  await service.client.assignFaces({ faceIds: [good ?? ""], personId: "" }, as);
  expect(await cover()).toBe(large);
  await service.client.updatePerson({ person: { id: personId, coverFaceId: small ?? "" } }, as);
  expect(await cover()).toBe(small);
  await service.client.updatePerson({ person: { id: personId }, updateMask: ["cover_face_id"] }, as);
  expect(await cover()).toBe(large);
  const { person } = await service.client.getPerson({ personId }, as);
  expect(person).toMatchObject({ faceCount: 2, photoCount: 2 });
  expect((await service.client.getFace({ faceId: hidden ?? "" }, as)).face?.face?.personId).toBe(personId);
});

test("assigning moves faces; whom a model made of them alone is gone, whom a human spoke of stays", async () => {
  const { owner, as } = newUser();
  const [model, human, target] = [
    await service.addPerson(owner, 1),
    await service.addPerson(owner, 1),
    await service.addPerson(owner, 1),
  ];
  await service.client.updatePerson({ person: { id: human.personId, name: "Ann" } }, as);
  await service.heardOf(owner);
  const faceIds = [...human.faceIds, ...model.faceIds];
  const { faces } = await service.client.assignFaces({ faceIds, personId: target.personId }, as);
  expect(faces.map(({ face }) => face?.id)).toEqual(faceIds);
  for (const face of faces) {
    expect(face).toMatchObject({ source: FACE_SOURCE_USER, face: { personId: target.personId } });
  }
  expect(await reasonOf(service.client.getPerson({ personId: model.personId }, as))).toBe("PERSON_NOT_FOUND");
  expect((await service.client.getPerson({ personId: human.personId }, as)).person?.faceCount).toBe(0);
  expect((await service.client.getPerson({ personId: target.personId }, as)).person).toMatchObject({
    faceCount: 3,
    source: FACE_SOURCE_USER,
  });
  const heard = await service.heardOf(owner);
  expect(heard.photos).toHaveLength(2);
  expect(heard.persons.find(({ personId }) => personId === model.personId)).toMatchObject({ deleted: true });
});

test("a rejection is remembered, taken back, and beaten by a newer word", async () => {
  const { owner, as } = newUser();
  const { personId, faceIds } = await service.addPerson(owner, 3);
  const faceId = faceIds[0] ?? "";
  const rejections = async () => (await service.stateOf(owner)).face_rejections?.length;
  const { face } = await service.client.rejectFace({ faceId, personId }, as);
  expect(face).toMatchObject({ source: FACE_SOURCE_UNSPECIFIED, similarity: 0, face: { personId: "" } });
  await service.client.rejectFace({ faceId, personId }, as);
  expect(await rejections()).toBe(1);
  // Were the person a model's alone, it could be dissolved and found again with this very face.
  expect((await service.client.getPerson({ personId }, as)).person?.source).toBe(FACE_SOURCE_USER);
  await service.client.unrejectFace({ faceId, personId }, as);
  expect(await rejections()).toBe(0);
  await service.client.rejectFace({ faceId, personId }, as);
  await service.client.assignFaces({ faceIds: [faceId], personId }, as);
  expect(await rejections()).toBe(0);
  const again = await service.client.rejectFace({ faceId, personId }, as);
  expect(again.face).toMatchObject({ source: FACE_SOURCE_UNSPECIFIED, face: { personId: "" } });
  const nobodys = await service.client.assignFaces({ faceIds: [faceId], personId: "" }, as);
  expect(nobodys.faces[0]).toMatchObject({ source: FACE_SOURCE_USER, similarity: 0 });
  expect(await rejections()).toBe(1);
});

test("faces that cannot be named together are refused", async () => {
  const { owner, as } = newUser();
  const { personId, faceIds } = await service.addPerson(owner, 1);
  const faceId = faceIds[0] ?? "";
  const many = Array.from({ length: 201 }, () => randomUUID());
  for (const [ids, reason] of [
    [[], "INVALID_FACES"],
    [[faceId, faceId], "INVALID_FACES"],
    [many, "INVALID_FACES"],
    [[faceId, randomUUID()], "FACE_NOT_FOUND"],
    [["x"], "FACE_NOT_FOUND"],
    [[faceId.toUpperCase()], "FACE_NOT_FOUND"],
  ] as const) {
    expect(await reasonOf(service.client.assignFaces({ faceIds: [...ids], personId }, as))).toBe(reason);
    expect(await reasonOf(service.client.createPerson({ faceIds: [...ids] }, as))).toBe(reason);
  }
  expect((await service.stateOf(owner)).people).toHaveLength(1);
});

test("somebody else's persons and faces are not there", async () => {
  const mine = newUser();
  const { as } = newUser();
  const { personId, faceIds } = await service.addPerson(mine.owner, 2);
  const [own] = await service.addFaces(as.bearer, [{}]);
  const faceId = faceIds[0] ?? "";
  const before = await service.stateOf(mine.owner);
  const { client } = service;
  const persons: (() => Promise<unknown>)[] = [
    () => client.getPerson({ personId }, as),
    () => client.updatePerson({ person: { id: personId, name: "x" } }, as),
    () => client.deletePerson({ personId, erase: true }, as),
    () => collect(client.exportPerson({ personId }, as)),
    () => client.listPersonPhotos({ personId }, as),
    () => client.listFaces({ personId }, as),
    () => client.assignFaces({ faceIds: [own ?? ""], personId }, as),
    () => client.rejectFace({ faceId: own ?? "", personId }, as),
    () => client.unrejectFace({ faceId: own ?? "", personId }, as),
    () => client.answerSuggestion({ personId, otherId: randomUUID() }, as),
  ];
  for (const call of persons) expect(await reasonOf(call())).toBe("PERSON_NOT_FOUND");
  const faces: (() => Promise<unknown>)[] = [
    () => client.getFace({ faceId }, as),
    () => client.getFaceCrop({ faceId }, as),
    () => client.assignFaces({ faceIds: [faceId], personId: "" }, as),
    () => client.createPerson({ faceIds: [faceId] }, as),
  ];
  for (const call of faces) expect(await reasonOf(call())).toBe("FACE_NOT_FOUND");
  expect((await client.listPeople({}, as)).people).toEqual([]);
  expect(await reasonOf(client.listPeople({}))).toBe("UNAUTHENTICATED");
  for (const id of ["", "x", "'; drop table face.people; --", randomUUID()]) {
    expect(await reasonOf(client.getPerson({ personId: id }, mine.as))).toBe("PERSON_NOT_FOUND");
    expect(await reasonOf(client.getFace({ faceId: id }, mine.as))).toBe("FACE_NOT_FOUND");
  }
  expect(await service.stateOf(mine.owner)).toEqual(before);
});

test("a deleted person does not come back; an erased one leaves nothing to recognise it by", async () => {
  const { owner, as } = newUser();
  const [gone, erased] = [await service.addPerson(owner, 2), await service.addPerson(owner, 2)];
  await service.client.deletePerson({ personId: gone.personId }, as);
  await service.client.deletePerson({ personId: erased.personId, erase: true }, as);
  const { db } = service.host.database;
  const left = await db
    .selectFrom("face_embeddings")
    .select("face_id")
    .where("owner_id", "=", owner)
    .execute();
  expect(left.map(({ face_id }) => face_id).sort()).toEqual([...gone.faceIds].sort());
  const state = await service.stateOf(owner);
  expect(state.people).toEqual([]);
  for (const face of state.faces ?? []) expect(face).toMatchObject({ person_id: null, source: "USER" });
  const crop = (faceId: string | undefined) => service.client.getFaceCrop({ faceId: faceId ?? "" }, as);
  expect((await crop(gone.faceIds[0])).jpeg.byteLength).toBeGreaterThan(0);
  expect((await crop(gone.faceIds[0])).etag).toMatch(/^[\w-]{22}$/);
  expect(await reasonOf(crop(erased.faceIds[0]))).toBe("CROP_NOT_FOUND");
  expect(await reasonOf(service.client.deletePerson({ personId: gone.personId }, as))).toBe(
    "PERSON_NOT_FOUND",
  );
});

async function collect(stream: AsyncIterable<{ chunk: Uint8Array }>): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const { chunk } of stream) chunks.push(Buffer.from(chunk));
  return chunks;
}

test("an export says everything of a person in small chunks, and never how it is recognised", async () => {
  const { owner, as } = newUser();
  const { personId, faceIds } = await service.addPerson(owner, 130);
  await service.client.updatePerson({ person: { id: personId, name: "\u{1f642}".repeat(100) } }, as);
  await service.client.rejectFace({ faceId: faceIds[0] ?? "", personId }, as);
  const chunks = await collect(service.client.exportPerson({ personId }, as));
  for (const chunk of chunks) expect(chunk.byteLength).toBeLessThanOrEqual(64 * 1024);
  const text = Buffer.concat(chunks).toString();
  expect(text).not.toMatch(/embedding|secret|vector|landmark/);
  const lines: { type: string; id?: string; faceId?: string }[] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines[0]).toMatchObject({ type: "person", id: personId });
  expect(lines.filter(({ type }) => type === "face")).toHaveLength(129);
  expect(lines.at(-1)).toMatchObject({ type: "rejectedFace", faceId: faceIds[0] });
});

test.each([
  ["favourites first", faceV1.PersonOrder.PERSON_ORDER_UNSPECIFIED],
  ["most faces first", faceV1.PersonOrder.PERSON_ORDER_FACES_DESC],
  ["by name", faceV1.PersonOrder.PERSON_ORDER_NAME_ASC],
])("persons are listed page by page: %s", async (_, order) => {
  const { owner, as } = newUser();
  const names = ["", "ann", "Bea", "bea", "", "Zo\u00eb", ""];
  for (const [index, name] of names.entries()) {
    const { personId } = await service.addPerson(owner, 1 + (index % 3));
    if (name !== "") await service.client.updatePerson({ person: { id: personId, name } }, as);
    if (index === 3) {
      await service.client.updatePerson({ person: { id: personId, favorite: true } }, as);
    }
  }
  const all = (await service.client.listPeople({ order, pageSize: 200 }, as)).people;
  const seen: typeof all = [];
  for (let pageToken = ""; ; ) {
    const page = await service.client.listPeople({ order, pageSize: 2, pageToken }, as);
    seen.push(...page.people);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(seen.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  expect(all).toHaveLength(names.length);
  const keys = all.map(({ name, faceCount, favorite }) => ({ name, faceCount, favorite }));
  if (order === faceV1.PersonOrder.PERSON_ORDER_NAME_ASC) {
    expect(keys.map(({ name }) => name.toLowerCase())).toEqual(["ann", "bea", "bea", "zo\u00eb", "", "", ""]);
  } else {
    const counted = order === faceV1.PersonOrder.PERSON_ORDER_UNSPECIFIED ? keys.slice(1) : keys;
    expect(keys[0]?.favorite || counted === keys).toBe(true);
    const counts = counted.map(({ faceCount }) => faceCount);
    expect(counts).toEqual([...counts].sort((a, b) => b - a));
  }
  const { nextPageToken } = await service.client.listPeople({ order, pageSize: 1 }, as);
  const refused: [Parameters<typeof service.client.listPeople>[0], string][] = [
    [{ order, pageToken: nextPageToken, query: "a" }, "INVALID_PAGE_TOKEN"],
    [{ order, pageToken: "x" }, "INVALID_PAGE_TOKEN"],
    [{ order, pageSize: -1 }, "INVALID_PAGE_SIZE"],
    [{ query: "a\u0000" }, "INVALID_NAME"],
    [{ query: "x".repeat(101) }, "INVALID_NAME"],
  ];
  for (const [request, reason] of refused) {
    expect(await reasonOf(service.client.listPeople(request, as))).toBe(reason);
  }
});

test("persons are found by part of the name, by having one, and by being hidden", async () => {
  const { owner, as } = newUser();
  for (const name of ["Zo\u00eb", "A.B*", ""]) {
    const { personId } = await service.addPerson(owner, 1);
    if (name !== "") await service.client.updatePerson({ person: { id: personId, name } }, as);
  }
  const { personId } = await service.addPerson(owner, 1);
  await service.client.updatePerson({ person: { id: personId, name: "Secret", hidden: true } }, as);
  const names = async (request: object) =>
    (
      await service.client.listPeople({ ...request, order: faceV1.PersonOrder.PERSON_ORDER_NAME_ASC }, as)
    ).people.map(({ name }) => name);
  expect(await names({ query: "O\u00cb" })).toEqual(["Zo\u00eb"]);
  expect(await names({ query: "." })).toEqual(["A.B*"]);
  expect(await names({ query: "%" })).toEqual([]);
  expect(await names({ query: "(?i)[" })).toEqual([]);
  expect(await names({ named: true })).toEqual(["A.B*", "Zo\u00eb"]);
  expect(await names({ named: false })).toEqual([""]);
  expect(await names({})).toEqual(["A.B*", "Zo\u00eb", ""]);
  expect(await names({ hidden: true })).toEqual(["Secret"]);
});

test("a person whose photos are all withheld is not listed while only a model knows it", async () => {
  const { owner, as } = newUser();
  const { personId } = await service.addPerson(owner, 0);
  await service.addFaces(owner, [{ personId, withheld: true }]);
  expect((await service.client.listPeople({}, as)).people).toEqual([]);
  await service.client.updatePerson({ person: { id: personId, name: "Ann" } }, as);
  expect((await service.client.listPeople({}, as)).people).toMatchObject([
    { name: "Ann", faceCount: 0, photoCount: 0, coverFaceId: "" },
  ]);
});

test("photos and faces of a person are listed newest first, page by page", async () => {
  const { owner, as } = newUser();
  const { personId } = await service.addPerson(owner, 0);
  const photos = Array.from({ length: 5 }, () => randomUUIDv7()).sort();
  await service.addFaces(
    owner,
    [...photos, photos[0] ?? ""].map((photoId) => ({ personId, photoId })),
  );
  await service.addFaces(owner, [{ personId, withheld: true }, {}]);
  const seenPhotos: string[] = [];
  const seenFaces: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await service.client.listPersonPhotos({ personId, pageSize: 2, pageToken }, as);
    seenPhotos.push(...page.photoIds);
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  for (let pageToken = ""; ; ) {
    const page = await service.client.listFaces({ personId, pageSize: 2, pageToken }, as);
    seenFaces.push(...page.faces.map(({ face }) => face?.id ?? ""));
    for (const face of page.faces)
      expect(face).toMatchObject({ source: FACE_SOURCE_MODEL, similarity: 0.75 });
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(seenPhotos).toEqual([...photos].reverse());
  expect(new Set(seenFaces).size).toBe(6);
  expect(seenFaces).toHaveLength(6);
  expect((await service.client.listFaces({}, as)).faces).toHaveLength(1);
  const { nextPageToken } = await service.client.listFaces({ personId, pageSize: 1 }, as);
  expect(await reasonOf(service.client.listFaces({ pageToken: nextPageToken }, as))).toBe(
    "INVALID_PAGE_TOKEN",
  );
});

test("suggestions are asked once: different persons for good, the same become one", async () => {
  const { owner, as } = newUser();
  const [a, b, c, d, e] = await Promise.all([1, 1, 1, 1, 1].map((faces) => service.addPerson(owner, faces)));
  const id = (person: { personId: string } | undefined) => person?.personId ?? "";
  const pair = (one: typeof a, other: typeof a, score: number) => ({
    personId: id(one),
    otherId: id(other),
    score,
  });
  service.candidates.splice(0, Number.POSITIVE_INFINITY);
  service.candidates.push(
    pair(a, b, 0.9),
    pair(c, d, 0.8),
    pair(a, c, 0.7),
    pair(a, e, 0.6),
    pair(b, c, 0.5),
  );
  const list = async () => {
    const scores: number[] = [];
    for (let pageToken = ""; ; ) {
      const page = await service.client.listSuggestions({ pageSize: 1, pageToken }, as);
      scores.push(...page.suggestions.map(({ score }) => score));
      pageToken = page.nextPageToken;
      if (pageToken === "") return scores;
    }
  };
  expect(await list()).toEqual([0.9, 0.8, 0.7, 0.6, 0.5]);
  await service.client.updatePerson({ person: { id: id(e), hidden: true } }, as);
  expect(await list()).toEqual([0.9, 0.8, 0.7, 0.5]);
  expect(await service.client.answerSuggestion({ personId: id(b), otherId: id(c), same: false }, as)).toEqual(
    {},
  );
  expect(await list()).toEqual([0.9, 0.8, 0.7]);
  // The named one survives, and what was said of who is part of it holds for it.
  await service.client.updatePerson({ person: { id: id(b), name: "Bea" } }, as);
  const { merge } = await service.client.answerSuggestion(
    { personId: id(a), otherId: id(b), same: true },
    as,
  );
  expect(merge).toMatchObject({ survivorId: id(b), personIds: [id(a)] });
  expect(await list()).toEqual([0.8]);
  await service.client.mergePeople({ survivorId: id(d), personIds: [id(c)] }, as);
  service.candidates.push(pair(b, d, 0.4));
  expect(await list()).toEqual([]);
  await service.client.undoMerge({ mergeId: merge?.id ?? "" }, as);
  service.candidates.push(pair(a, d, 0.3));
  // What was merged and undone is a question again.
  expect(await list()).toEqual([0.9, 0.3]);
  const self = service.client.answerSuggestion({ personId: id(c), otherId: id(d), same: false }, as);
  expect(await reasonOf(self)).toBe("INVALID_MERGE");
});

test("that two persons are different outlives their faces", async () => {
  const { owner, as } = newUser();
  const [a, b] = [await service.addPerson(owner, 1), await service.addPerson(owner, 1)];
  const pair = { personId: a.personId, otherId: b.personId };
  service.candidates.splice(0, Number.POSITIVE_INFINITY, { ...pair, score: 0.9 });
  await service.client.answerSuggestion({ ...pair, same: false }, as);
  for (const { personId, faceIds } of [a, b]) {
    await service.client.assignFaces({ faceIds, personId: "" }, as);
    const { person } = await service.client.getPerson({ personId }, as);
    expect(person).toMatchObject({ source: FACE_SOURCE_USER, faceCount: 0 });
    await service.client.assignFaces({ faceIds, personId }, as);
  }
  expect((await service.client.listSuggestions({}, as)).suggestions).toEqual([]);
});

/**
 * A face of which a human said that it is not `a`, that it is `survivor` before `a` was merged into it, and then that it
 * is neither `third`: it is nobody's, and `survivor` is `a` among others.
 */
async function rejectedFromMerged() {
  const { owner, as } = newUser();
  const [a, survivor, third] = [
    await service.addPerson(owner, 2),
    await service.addPerson(owner, 2),
    await service.addPerson(owner, 2),
  ];
  const [faceId = ""] = a.faceIds;
  const { client } = service;
  await client.rejectFace({ faceId, personId: a.personId }, as);
  await client.assignFaces({ faceIds: [faceId], personId: survivor.personId }, as);
  await client.mergePeople({ survivorId: survivor.personId, personIds: [a.personId] }, as);
  await client.assignFaces({ faceIds: [faceId], personId: third.personId }, as);
  await client.rejectFace({ faceId, personId: third.personId }, as);
  const { db } = service.host.database;
  const holder = async () => (await client.getFace({ faceId }, as)).face?.face?.personId;
  /** A person whom a model makes of the face. */
  const found = async () => {
    const { personId } = await service.addPerson(owner, 1);
    await db.updateTable("faces").set({ person_id: personId }).where("id", "=", faceId).execute();
    return personId;
  };
  return { owner, as, db, faceId, a: a.personId, survivor: survivor.personId, holder, found };
}

test("a face that is not a person is given to nobody whom that person became", async () => {
  const { owner, db, faceId, survivor, holder, found } = await rejectedFromMerged();
  expect((await listRejectionsOf(db, owner, [faceId])).get(faceId)).toContain(survivor);
  expect(await giveFaces(db, owner, survivor, [{ faceId, similarity: 0.9 }])).toEqual([]);
  expect(await holder()).toBe("");
  await moveFaces(db, owner, await found(), survivor);
  expect(await holder()).toBe("");
});

test("a face that is not a person leaves whoever is merged with whom that person became, until the undo", async () => {
  const { as, survivor, a, holder, found } = await rejectedFromMerged();
  const personId = await found();
  const { merge } = await service.client.mergePeople({ survivorId: survivor, personIds: [personId] }, as);
  expect(await holder()).toBe("");
  await service.client.undoMerge({ mergeId: merge?.id ?? "" }, as);
  expect(await holder()).toBe(personId);
  // Without that person among them, nothing is against it.
  await service.client.mergePeople({ survivorId: survivor, personIds: [personId] }, as);
  expect(await holder()).toBe("");
  const { merges } = await service.client.listMerges({}, as);
  const first = merges.find(({ personIds }) => personIds.includes(a));
  await service.client.undoMerge({ mergeId: first?.id ?? "" }, as);
  expect(await holder()).toBe(survivor);
});

test("a face that a merge took away is back when its rejection is taken back, and goes home with the undo", async () => {
  const { owner, as } = newUser();
  const [survivor, other] = [await service.addPerson(owner, 1), await service.addPerson(owner, 2)];
  const [{ personId }, [faceId = ""]] = [survivor, other.faceIds];
  const holder = async () => (await service.client.getFace({ faceId }, as)).face?.face?.personId;
  await service.client.rejectFace({ faceId, personId }, as);
  const { merge } = await service.client.mergePeople(
    { survivorId: personId, personIds: [other.personId] },
    as,
  );
  expect(await holder()).toBe("");
  await service.heardOf(owner);
  await service.client.unrejectFace({ faceId, personId }, as);
  expect(await holder()).toBe(personId);
  expect((await service.heardOf(owner)).photos).toMatchObject([{ personIds: [personId] }]);
  await service.client.undoMerge({ mergeId: merge?.id ?? "" }, as);
  expect(await holder()).toBe(other.personId);
});

test("that a face is a person is a newer word than that it is not one who became it", async () => {
  const { owner, as, db, faceId, survivor, a } = await rejectedFromMerged();
  await service.client.assignFaces({ faceIds: [faceId], personId: survivor }, as);
  const rejected = (await listRejectionsOf(db, owner, [faceId])).get(faceId) ?? new Set();
  for (const personId of [survivor, a]) expect(rejected).not.toContain(personId);
});

test("an erased user's words are refused", async () => {
  const { owner, as } = newUser();
  const { personId } = await service.addPerson(owner, 1);
  await service.host.database.db.insertInto("deleted_owners").values({ user_id: owner }).execute();
  const call = service.client.updatePerson({ person: { id: personId, name: "x" } }, as);
  expect(await reasonOf(call)).toBe("ACCOUNT_DELETED");
});

test("the switch for faces is a session's to turn, and off is never meant by saying nothing", async () => {
  const { as } = newUser();
  expect((await service.client.getFaceSettings({}, as)).settings).toEqual({ enabled: true });
  for (const request of [{}, { settings: {} }, { settings: {}, updateMask: ["x"] }]) {
    expect(await reasonOf(service.client.updateFaceSettings(request, as))).toBe("INVALID_MASK");
  }
  const off = { settings: { enabled: false }, updateMask: ["enabled"] };
  expect((await service.client.updateFaceSettings(off, as)).settings).toEqual({ enabled: false });
  expect((await service.client.getFaceSettings({}, as)).settings).toEqual({ enabled: false });
  const on = await service.client.updateFaceSettings({ settings: { enabled: true } }, as);
  expect(on.settings).toEqual({ enabled: true });
});
