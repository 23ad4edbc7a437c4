import { randomUUID } from "node:crypto";
import { AppError } from "@ocelli/chassis";
import { events, searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { photoOf, type SearchUnderTest, startSearch, whatIsSaidOf } from "./search-harness.ts";

const owner = randomUUID();
const other = randomUUID();
const [maria, rose, amelia, trip, dogs] = [
  randomUUID(),
  randomUUID(),
  randomUUID(),
  randomUUID(),
  randomUUID(),
];
const { SEARCH_MODE_TEXT } = searchV1.SearchMode;

/** Photos with what is known of them; none shows what the words say, so that the words alone find them. */
const samples = {
  coffee: {
    file: "coffee.png",
    caption: "a cup of coffee",
    labels: ["cup", "Rose"],
    personIds: [maria],
    facts: {
      takenAt: new Date("2023-06-15T10:00:00Z"),
      city: "Paris",
      country: "France",
      mediaType: "image/png",
      camera: "Canon EOS R6",
    },
  },
  cat: {
    file: "chelsea.png",
    caption: "a tabby cat",
    labels: ["cat"],
    personIds: [maria, rose],
    facts: {
      takenAt: new Date("2024-12-31T23:30:00Z"),
      city: "Nice",
      country: "France",
      mediaType: "image/jpeg",
      camera: "Pixel 8",
    },
  },
  rocket: {
    file: "rocket.jpg",
    caption: "the sky at sunset",
    labels: ["sunset"],
    text: "APOLLO 2023",
    facts: { createdAt: new Date("2026-11-20T09:00:00Z"), mediaType: "image/jpeg" },
  },
};
type Name = keyof typeof samples;

const photos = new Map<Name, ReturnType<typeof photoOf>>();
let database: EmbeddedDatabase;
let search: SearchUnderTest;

const photo = (name: Name) => {
  const found = photos.get(name);
  if (!found) throw new Error(`no photo ${name}`);
  return found;
};
const person = (personId: string, name: string, revision = 1, more: object = {}) =>
  search.publish(events.personChanged, { ownerId: owner, personId, name, revision, ...more });

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  search = await startSearch(database.url, { now: () => new Date("2026-11-21T12:00:00Z") });
  await person(maria, "Maria Lopez");
  for (const name of Object.keys(samples) as Name[]) {
    // The keys are the names.
    const { file, ...said } = samples[name];
    photos.set(name, photoOf(file, owner));
    await Promise.all(whatIsSaidOf(photo(name), said).map((say) => say(search)));
  }
  await person(rose, "Rose");
  await search.publish(events.albumPhotosChanged, {
    albumId: trip,
    ownerId: owner,
    addedPhotoIds: [photo("coffee").photoId, photo("cat").photoId],
    revision: 2,
  });
  await search.publish(events.albumChanged, {
    albumId: trip,
    ownerId: owner,
    name: "Trip to France",
    revision: 1,
  });
  await search.publish(events.albumChanged, {
    albumId: dogs,
    ownerId: owner,
    name: "Dogs",
    revision: 3,
  });
});
afterAll(async () => {
  await search?.stop();
  await database?.close();
});

async function find(query: string, more: Partial<searchV1.SearchRequest> = {}, who = owner): Promise<Name[]> {
  const { hits } = await search.search(who, query, more);
  const names = [...photos].map(([name, { photoId }]) => [photoId, name] as const);
  return hits.map(({ photoId }) => new Map(names).get(photoId) ?? "coffee");
}

describe("a query", () => {
  test.each<[string, Name[]]>([
    ["person:maria", ["cat", "coffee"]],
    ['person:"Maria Lopez"', ["cat", "coffee"]],
    ["-person:rose person:maria", ["coffee"]],
    ["person:nobody", []],
    ["label:cat", ["cat"]],
    ["label:CAT", ["cat"]],
    ["-label:cat", ["rocket", "coffee"]],
    ["type:png", ["coffee"]],
    ["type:image/jpeg", ["rocket", "cat"]],
    ["type:jpg", ["rocket", "cat"]],
    ["camera:canon", ["coffee"]],
    ["place:france", ["cat", "coffee"]],
    ['album:"trip to france"', ["cat", "coffee"]],
    ["before:2024", ["coffee"]],
    ["after:2023 before:2025", ["cat"]],
    ["-cat", ["rocket", "coffee"]],
    ['-"tabby cat" person:maria', ["coffee"]],
    ["in Paris", ["coffee"]],
    ["paris", ["coffee"]],
    ["with maria", ["cat", "coffee"]],
    ["maria in nice", ["cat"]],
    ["trip to france", ["cat", "coffee"]],
    ["yesterday", ["rocket"]],
    ["summer 2023", ["coffee"]],
    ["2023", ["rocket", "coffee"]],
    ["last summer", []],
    ["dogs", []],
    ["mria", ["cat", "coffee"]],
  ])("%s", async (query, names) => {
    expect(await find(query)).toEqual(names);
  });

  test("says what it was taken for", async () => {
    const { understood } = await search.search(
      owner,
      "maria in Nice summer 2022 -dog camera:canon after:2023-06",
    );
    expect(understood).toEqual([
      { kind: "date", text: "after:2023-06", meaning: "2023-06-01/2023-07-01" },
      { kind: "date", text: "summer 2022", meaning: "2022-06-01/2022-09-01" },
      { kind: "person", text: "maria", meaning: "Maria Lopez" },
      { kind: "place", text: "Nice", meaning: "Nice" },
      { kind: "camera", text: "camera:canon", meaning: "canon" },
      { kind: "exclude", text: "dog", meaning: "dog" },
    ]);
  });

  test("says of each photo why it was found", async () => {
    const { hits } = await search.search(owner, "maria paris coffee 2023", { mode: SEARCH_MODE_TEXT });
    expect(hits.map(({ why }) => why)).toEqual([
      ["date: 2023", "person: Maria Lopez", "place: Paris", "caption: coffee"],
    ]);
  });

  test("with a name that may be a word finds both what is called so and what is named so", async () => {
    const { hits, understood } = await search.search(owner, "rose", { mode: SEARCH_MODE_TEXT });
    expect(understood).toEqual([{ kind: "person", text: "rose", meaning: "Rose" }]);
    expect(new Set(hits.flatMap(({ why }) => why))).toEqual(new Set(["person: Rose", "label: rose"]));
  });

  test("means days where the caller is", async () => {
    expect(await find("after:2024", { timeZone: "Europe/Berlin" })).toEqual(["rocket", "cat"]);
    expect(await find("after:2024", { timeZone: "America/New_York" })).toEqual(["rocket"]);
  });

  test("finds names of its owner alone", async () => {
    expect((await search.search(other, "maria")).understood).toEqual([]);
    for (const query of ["person:maria", "place:france", "-cat", "label:cat", "yesterday"])
      expect(await find(query, {}, other)).toEqual([]);
  });

  test("with too many parts is refused", async () => {
    const error = await search.search(owner, "a1 ".repeat(33)).catch(AppError.from);
    expect(error).toMatchObject({ reason: "INVALID_QUERY" });
  });
});

describe("a filter", () => {
  test.each<[string, Partial<searchV1.SearchFilter>, Name[]]>([
    ["persons, all of them", { personIds: [maria, rose] }, ["cat"]],
    ["an album", { albumId: trip }, ["cat", "coffee"]],
    ["labels", { labels: ["Cup"] }, ["coffee"]],
    ["media type", { mediaType: "png" }, ["coffee"]],
    ["camera", { camera: "pixel" }, ["cat"]],
    ["place", { place: "fran" }, ["cat", "coffee"]],
    ["favourites", { favorite: true }, []],
    ["others", { favorite: false }, ["rocket", "cat", "coffee"]],
    [
      "times",
      { takenFrom: new Date("2023-06-15T10:00:00Z"), takenUntil: new Date("2024-12-31T23:30:00Z") },
      ["coffee"],
    ],
    ["several", { place: "france", mediaType: "image/jpeg" }, ["cat"]],
  ])("of %s alone lists what is in it, newest first", async (_what, filter, names) => {
    expect(await find("", { filter: searchV1.SearchFilter.fromPartial(filter) })).toEqual(names);
  });

  test("holds in every mode", async () => {
    const filter = searchV1.SearchFilter.fromPartial({ place: "nice" });
    for (const mode of Object.values(searchV1.SearchMode))
      expect(await find("cup of coffee", { mode, filter, minScore: 0.2 })).not.toContain("coffee");
    expect(await find("cat", { filter })).toEqual(["cat"]);
  });

  test.each([
    [{ albumId: "x" }],
    [{ personIds: ["'"] }],
    [{ labels: Array.from({ length: 21 }, () => "a") }],
    [{ camera: "x".repeat(101) }],
    [{ place: "a\u0000" }],
  ])("%j is refused", async (filter) => {
    const request = { filter: searchV1.SearchFilter.fromPartial(filter) };
    const error = await search.search(owner, "cat", request).catch(AppError.from);
    expect(error).toMatchObject({ reason: "INVALID_FILTER" });
  });

  test("so is a zone that is none", async () => {
    const error = await search.search(owner, "cat", { timeZone: "Mars/Olympus" }).catch(AppError.from);
    expect(error).toMatchObject({ reason: "INVALID_FILTER" });
  });

  test("pages through what it lists without gap or overlap", async () => {
    const paged: Name[] = [];
    let pageToken = "";
    do {
      const page = await search.search(owner, "-submarine", { pageSize: 1, pageToken });
      paged.push(
        ...[...photos].flatMap(([name, { photoId }]) => (page.hits[0]?.photoId === photoId ? [name] : [])),
      );
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toEqual(["rocket", "cat", "coffee"]);
  });
});

describe("what is said of persons and albums", () => {
  const put = (name: Name, personIds: string[], revision: number) =>
    search.publish(events.photosPeopleChanged, {
      ownerId: owner,
      photos: [{ photoId: photo(name).photoId, personIds }],
      revision,
    });

  test("counts by its revision, however it arrives", async () => {
    await put("rocket", [amelia], 6);
    await put("rocket", [], 5);
    await person(amelia, "Amelia", 9);
    await person(amelia, "Older", 8);
    expect(await find("person:amelia")).toEqual(["rocket"]);
    expect(await find("person:older")).toEqual([]);
    await put("rocket", [], 7);
    expect(await find("person:amelia")).toEqual([]);
  });

  test("a merged person's photos are those of whom he was merged into, until the merge is undone", async () => {
    await put("rocket", [amelia], 20);
    await person(amelia, "Amelia", 21, { deleted: true, mergedInto: maria });
    expect(await find("person:amelia")).toEqual([]);
    expect(await find("person:maria")).toEqual(["rocket", "cat", "coffee"]);
    await person(amelia, "Amelia", 22);
    expect(await find("person:maria")).toEqual(["cat", "coffee"]);
  });

  test("hidden persons are not found by name", async () => {
    await person(amelia, "Amelia", 30, { hidden: true });
    expect(await find("person:amelia")).toEqual([]);
    await person(amelia, "Amelia", 31);
    expect(await find("person:amelia")).toEqual(["rocket"]);
  });

  test("never changes another owner's", async () => {
    const foreign = { ownerId: other, revision: 99 };
    await search.publish(events.personChanged, { ...foreign, personId: maria, name: "Stolen" });
    await search.publish(events.photosPeopleChanged, {
      ...foreign,
      photos: [{ photoId: photo("cat").photoId, personIds: [] }],
    });
    await search.publish(events.albumChanged, { ...foreign, albumId: trip, name: "X", deleted: true });
    await search.publish(events.albumPhotosChanged, {
      ...foreign,
      albumId: trip,
      removedPhotoIds: [photo("cat").photoId],
    });
    expect(await find("person:maria label:cat")).toEqual(["cat"]);
    expect(await find('album:"trip to france"')).toEqual(["cat", "coffee"]);
  });

  test("albums are emptied and deleted for good", async () => {
    const change = (more: object) =>
      search.publish(events.albumPhotosChanged, { albumId: trip, ownerId: owner, ...more });
    const album = searchV1.SearchFilter.fromPartial({ albumId: trip });
    await change({ removedPhotoIds: [photo("cat").photoId], revision: 10 });
    await change({ addedPhotoIds: [photo("cat").photoId], revision: 9 });
    expect(await find("", { filter: album })).toEqual(["coffee"]);
    await search.publish(events.albumChanged, {
      albumId: trip,
      ownerId: owner,
      deleted: true,
      revision: 11,
    });
    await change({ addedPhotoIds: [photo("cat").photoId], revision: 12 });
    expect(await find("", { filter: album })).toEqual([]);
  });
});

test("the vocabulary follows what photos say and forgets what none says any more", async () => {
  const someone = randomUUID();
  const words = async () =>
    (
      await search.host.database.db
        .selectFrom("vocabulary")
        .select(["kind", "word", "photos"])
        .where("owner_id", "=", someone)
        .orderBy("kind")
        .orderBy("word")
        .execute()
    ).map(({ kind, word, photos: count }) => `${kind} ${word} ${count}`);
  const [first, second] = [photoOf("coffee.png", someone), photoOf("chelsea.png", someone)];
  const said = { caption: "A red cup", labels: ["cup"], facts: { city: "Rome" } };
  for (const each of [first, second]) await Promise.all(whatIsSaidOf(each, said).map((say) => say(search)));
  expect(await words()).toEqual(["label cup 2", "place Rome 2", "word cup 2", "word red 2", "word rome 2"]);
  await search.publish(events.photoChanged, { photo: first, withheld: true, revision: 1 });
  expect(await words()).toContain("label cup 1");
  await search.publish(events.photoDeleted, { photo: second });
  expect(await words()).toEqual([]);
  await search.publish(events.photoChanged, { photo: first, title: "Dawn", revision: 2 });
  expect(await words()).toContain("word dawn 1");
  await search.publish(events.userDeleted, { userId: someone });
  expect(await words()).toEqual([]);
});
