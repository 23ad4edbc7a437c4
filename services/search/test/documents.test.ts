import { randomUUID, randomUUIDv7 } from "node:crypto";
import { events, type eventsV1, photoStageFailed, searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { photoOf, type SearchUnderTest, startSearch, whatIsSaidOf } from "./search-harness.ts";

let database: EmbeddedDatabase;
let search: SearchUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  search = await startSearch(database.url);
});
afterAll(async () => {
  await search?.stop();
  await database?.close();
});

const said = { caption: "A cup of coffee.", labels: ["cup"], text: "ESPRESSO" };

async function timesIndexed(photoId: string): Promise<number> {
  // The relay publishes after the commit; what it will publish is in the outbox at once.
  const rows = await search.host.database.db
    .selectFrom("outbox")
    .select("payload")
    .where("subject", "=", events.photoIndexed.subject)
    .execute();
  return rows.filter(({ payload }) => events.photoIndexed.message.decode(payload).photo?.photoId === photoId)
    .length;
}

/** Some of the 120 orders, each with the photo's own embedding finishing whenever it does. */
const orders = [
  [0, 1, 2, 3, 4],
  [4, 3, 2, 1, 0],
  [1, 3, 0, 4, 2],
  [2, 4, 0, 3, 1],
];

test.each(orders)(
  "a document completes once, said in the order %d %d %d %d %d, each thing twice",
  async (...order) => {
    const photo = photoOf("coffee.png");
    const sayings = whatIsSaidOf(photo, said);
    for (const index of order) {
      const id = randomUUIDv7();
      await Promise.all([sayings[index]?.(search, id), sayings[index]?.(search, id)]);
      await sayings[index]?.(search);
    }
    expect(await timesIndexed(photo.photoId)).toBe(1);
    const { hits } = await search.search(photo.ownerId, "espresso");
    expect(hits.map(({ photoId }) => photoId)).toEqual([photo.photoId]);
  },
);

test("all at once completes a document once too", async () => {
  const photo = photoOf("coffee.png");
  await Promise.all([...whatIsSaidOf(photo, said), ...whatIsSaidOf(photo, said)].map((say) => say(search)));
  expect(await timesIndexed(photo.photoId)).toBe(1);
  await expect
    .poll(() => search.published.filter(({ subject }) => subject === events.photoIndexed.subject).length)
    .toBeGreaterThanOrEqual(1);
});

test("a document waits for every stage and takes failed ones as ended", async () => {
  const photo = photoOf("coffee.png");
  const [ready, classified, captioned, , grouped] = whatIsSaidOf(photo, said);
  await ready?.(search);
  await grouped?.(search);
  await classified?.(search);
  await captioned?.(search);
  expect(await timesIndexed(photo.photoId)).toBe(0);
  const message = { photo, stage: "ocr", reason: "INTERNAL", message: "x", attempts: 5 };
  await search.publish(photoStageFailed("captioning"), message);
  expect(await timesIndexed(photo.photoId)).toBe(1);
});

describe("what its owner says of a photo", () => {
  const owners = { title: "Breakfast in Lisbon", description: "With Amelia.", withheld: false, revision: 1 };
  const find = async (ownerId: string, query: string, mode?: searchV1.SearchMode) =>
    (await search.search(ownerId, query, { minScore: 0, ...(mode && { mode }) })).hits.map(({ why }) => why);
  const { SEARCH_MODE_SEMANTIC, SEARCH_MODE_TEXT } = searchV1.SearchMode;

  test("is found by, and says why", async () => {
    const photo = photoOf("coffee.png");
    await Promise.all(whatIsSaidOf(photo, said).map((say) => say(search)));
    await search.publish(events.photoChanged, { photo, ...owners });
    expect(await find(photo.ownerId, "lisbon", SEARCH_MODE_TEXT)).toEqual([["title: lisbon"]]);
    expect(await find(photo.ownerId, "amelia", SEARCH_MODE_TEXT)).toEqual([["description: amelia"]]);
    await search.publish(events.photoChanged, { photo, ...owners, title: "", revision: 2 });
    expect(await find(photo.ownerId, "lisbon", SEARCH_MODE_TEXT)).toEqual([]);
  });

  test.each([
    ["before anything else is", 0],
    ["between", 2],
    ["after everything else was", 5],
  ])("that it is withheld, %s: it is not found until it is shown again", async (_when, index) => {
    const photo = photoOf("coffee.png");
    const withheld = (search: SearchUnderTest) =>
      search.publish(events.photoChanged, { photo, ...owners, withheld: true });
    for (const say of whatIsSaidOf(photo, said).toSpliced(index, 0, withheld)) await say(search);
    for (const mode of [undefined, SEARCH_MODE_SEMANTIC, SEARCH_MODE_TEXT]) {
      expect(await find(photo.ownerId, "a cup of coffee", mode)).toEqual([]);
    }
    expect(await timesIndexed(photo.photoId)).toBe(1);
    await search.publish(events.photoChanged, { photo, ...owners, revision: 2 });
    for (const mode of [undefined, SEARCH_MODE_SEMANTIC, SEARCH_MODE_TEXT]) {
      expect(await find(photo.ownerId, "a cup of coffee", mode)).toHaveLength(1);
    }
  });

  test("counts in the order in which it was said, however it arrives", async () => {
    const photo = photoOf("coffee.png");
    await Promise.all(whatIsSaidOf(photo, said).map((say) => say(search)));
    await search.publish(events.photoChanged, {
      photo,
      ...owners,
      title: "New",
      withheld: true,
      revision: 7,
    });
    await search.publish(events.photoChanged, { photo, ...owners, title: "Old", revision: 6 });
    expect(await find(photo.ownerId, "coffee")).toEqual([]);
  });

  test("of the capture time outlasts what the file says", async () => {
    const photo = photoOf("coffee.png");
    const takenAt = new Date("1999-12-31T23:00:00Z");
    await search.publish(events.photoChanged, { photo, ...owners, takenAt });
    await search.publish(events.photoReady, { photo, filename: "a.jpg", takenAt: new Date() });
    const row = await search.host.database.db
      .selectFrom("documents")
      .select("taken_at")
      .where("photo_id", "=", photo.photoId)
      .executeTakeFirst();
    expect(row?.taken_at).toEqual(takenAt);
  });

  test("never changes a photo that somebody else owns, or that is gone", async () => {
    const photo = photoOf("coffee.png");
    await Promise.all(whatIsSaidOf(photo, said).map((say) => say(search)));
    const foreign = { ...photo, ownerId: randomUUID() };
    await search.publish(events.photoChanged, { photo: foreign, ...owners, withheld: true, revision: 9 });
    expect(await find(photo.ownerId, "coffee")).toHaveLength(1);
    await search.publish(events.photoDeleted, { photo });
    await search.publish(events.photoChanged, { photo, ...owners, revision: 10 });
    expect(await find(photo.ownerId, "lisbon")).toEqual([]);
  });
});

describe("what models say of a photo time and again", () => {
  const idAt = (millisecond: number) =>
    `${(1_700_000_000_000 + millisecond).toString(16).padStart(12, "0").replace(/^.{8}/, "$&-")}${randomUUIDv7().slice(13)}`;
  const wordsOf = async ({ photoId }: eventsV1.PhotoRef) =>
    search.host.database.db
      .selectFrom("documents")
      .select(["caption", "labels", "ocr_text", "caption_meaning", "labels_meaning"])
      .where("photo_id", "=", photoId)
      .executeTakeFirst();

  test("counts in the order in which it was said, however it arrives", async () => {
    const [photo, inOrder] = [photoOf("coffee.png"), photoOf("coffee.png")];
    const old = { caption: "A dog.", labels: ["dog"], text: "WOOF" };
    const sayAll = (of: eventsV1.PhotoRef, said: typeof old, at: number) =>
      Promise.all(whatIsSaidOf(of, said).map((say, index) => say(search, idAt(10 * at + index))));
    await sayAll(inOrder, old, 1);
    await sayAll(inOrder, { caption: "A cat.", labels: ["cat"], text: "MEOW" }, 2);
    await sayAll(photo, { caption: "A cat.", labels: ["cat"], text: "MEOW" }, 2);
    await sayAll(photo, old, 1);
    expect(await wordsOf(photo)).toEqual(await wordsOf(inOrder));
    expect(await wordsOf(photo)).toMatchObject({ caption: "A cat.", labels: ["cat"], ocr_text: "MEOW" });
    expect(await timesIndexed(photo.photoId)).toBe(1);
  });

  test("ends its stage even when something newer was said already", async () => {
    const photo = photoOf("coffee.png");
    await search.publish(events.photoCaptioned, { photo, caption: { text: "A cat." } }, idAt(101));
    const [ready, classified, captioned, read, grouped] = whatIsSaidOf(photo, said);
    for (const say of [ready, classified, read, grouped]) await say?.(search);
    await captioned?.(search, idAt(100));
    expect(await timesIndexed(photo.photoId)).toBe(1);
    expect(await wordsOf(photo)).toMatchObject({ caption: "A cat." });
  });
});

test("a deleted photo vanishes and nothing said later brings it back", async () => {
  const photo = photoOf("coffee.png");
  const sayings = whatIsSaidOf(photo, said);
  await Promise.all(sayings.map((say) => say(search)));
  expect((await search.search(photo.ownerId, "coffee")).hits).toHaveLength(1);
  await search.publish(events.photoDeleted, { photo });
  expect((await search.search(photo.ownerId, "coffee", { minScore: 0 })).hits).toEqual([]);
  for (const say of sayings) await say(search);
  expect((await search.search(photo.ownerId, "coffee", { minScore: 0 })).hits).toEqual([]);
  expect(await timesIndexed(photo.photoId)).toBe(1);
});

test("a photo deleted before anything was said of it never appears", async () => {
  const photo = photoOf("coffee.png");
  await search.publish(events.photoDeleted, { photo });
  for (const say of whatIsSaidOf(photo, said)) await say(search);
  expect((await search.search(photo.ownerId, "coffee", { minScore: 0 })).hits).toEqual([]);
  expect(await timesIndexed(photo.photoId)).toBe(0);
});

test("a photo deleted while it is embedded never appears", async () => {
  const photo = photoOf("rocket.jpg", randomUUID());
  search.beforePreview.hook = () => search.publish(events.photoDeleted, { photo });
  await search.publish(events.photoReady, { photo, filename: "rocket.jpg" });
  search.beforePreview.hook = async () => undefined;
  expect((await search.search(photo.ownerId, "rocket", { minScore: 0 })).hits).toEqual([]);
  expect(await ownedRows(database.url, "search", photo.ownerId)).toMatchObject({ vectors_1: 0 });
});

test("what deleting leaves behind holds nothing of the photo", async () => {
  const photo = photoOf("coffee.png");
  await Promise.all(whatIsSaidOf(photo, said).map((say) => say(search)));
  await search.publish(events.photoChanged, { photo, title: "T", description: "D", revision: 1 });
  await search.publish(events.photoDeleted, { photo });
  const { db } = search.host.database;
  const row = await db
    .selectFrom("documents")
    .select(["sha256", "caption", "labels", "ocr_text", "filename", "title", "description", "words"])
    .where("photo_id", "=", photo.photoId)
    .executeTakeFirst();
  expect(row).toEqual({
    sha256: "",
    caption: null,
    labels: null,
    ocr_text: null,
    filename: null,
    title: null,
    description: null,
    words: "",
  });
});
