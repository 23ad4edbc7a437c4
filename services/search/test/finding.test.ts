import { randomBytes, randomUUID, randomUUIDv7 } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@ocelli/chassis";
import { events, type eventsV1, searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FindingUnderTest, newOwner, picture, sample, startFinding } from "./finding-harness.ts";

let database: EmbeddedDatabase;
let finding: FindingUnderTest;
const owner = newOwner();
const photos: Record<string, eventsV1.PhotoRef> = {};
const idOf = (name: string) => photos[name]?.photoId ?? "";

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  finding = await startFinding(database.url);
  for (const name of ["coffee.png", "chelsea.png", "rocket.jpg", "astronaut.png"])
    photos[name] = await finding.add(owner, await sample(name));
  const closer = (await picture("coffee.png")).extract({ left: 60, top: 40, width: 480, height: 320 });
  photos.closer = await finding.add(owner, await closer.png().toBuffer());
  const wider = (await picture("coffee.png")).resize(500).flop();
  photos.mirrored = await finding.add(owner, await wider.png().toBuffer());
});
afterAll(async () => {
  await finding?.stop();
  await database?.close();
});

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: unknown) => AppError.from(error).reason,
  );

describe("similar photos", () => {
  const similar = (photoId: string, request: Partial<searchV1.FindSimilarRequest> = {}, as = owner) =>
    finding.search.findSimilar(searchV1.FindSimilarRequest.fromPartial({ photoId, ...request }), {
      bearer: as,
    });

  test("are of the same scene, never the photo itself, and say why", async () => {
    const { hits, nextPageToken } = await similar(idOf("coffee.png"));
    expect(hits.map(({ photoId }) => photoId).toSorted()).toEqual([idOf("closer"), idOf("mirrored")]);
    expect(nextPageToken).toBe("");
    for (const { score, why } of hits) {
      expect(score).toBeGreaterThan(0.9);
      expect(score).toBeLessThanOrEqual(1);
      expect(why).toEqual(["picture"]);
    }
    expect((await similar(idOf("rocket.jpg"))).hits).toEqual([]);
  });

  test("come page by page down to the score that was asked for", async () => {
    const found: searchV1.SearchHit[] = [];
    let pageToken = "";
    do {
      const page = await similar(idOf("coffee.png"), { minScore: 0, pageSize: 2, pageToken });
      found.push(...page.hits);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(found.map(({ photoId }) => photoId)).size).toBe(5);
    expect(found).toHaveLength(5);
    const scores = found.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect((await similar(idOf("coffee.png"), { minScore: 1 })).hits).toEqual([]);
  });

  test("are one's own", async () => {
    const stranger = newOwner();
    expect(await reasonOf(similar(idOf("coffee.png"), {}, stranger))).toBe("PHOTO_NOT_FOUND");
    expect(await reasonOf(similar(randomUUID()))).toBe("PHOTO_NOT_FOUND");
    expect(await reasonOf(similar("'; drop table search.documents --"))).toBe("PHOTO_NOT_FOUND");
    await finding.add(stranger, await sample("coffee.png"));
    expect((await similar(idOf("coffee.png"))).hits).toHaveLength(2);
  });

  test("of a photo that was not looked at yet are not known", async () => {
    const photo = { photoId: randomUUIDv7(), ownerId: owner, sha256: "x" };
    await finding.publish(events.photoCaptioned, { photo, caption: { text: "A cup.", score: 1 } });
    expect(await reasonOf(similar(photo.photoId))).toBe("PHOTO_NOT_EMBEDDED");
  });

  test("refuse what makes no sense", async () => {
    const id = idOf("coffee.png");
    for (const minScore of [-0.1, 1.1, Number.NaN])
      expect(await reasonOf(similar(id, { minScore }))).toBe("INVALID_MIN_SCORE");
    expect(await reasonOf(similar(id, { pageSize: -1 }))).toBe("INVALID_PAGE_SIZE");
    expect(await reasonOf(similar(id, { pageToken: "AAAA" }))).toBe("INVALID_PAGE_TOKEN");
    const { nextPageToken } = await similar(id, { minScore: 0, pageSize: 1 });
    const elsewhere = similar(idOf("rocket.jpg"), { minScore: 0, pageToken: nextPageToken });
    expect(await reasonOf(elsewhere)).toBe("INVALID_PAGE_TOKEN");
  });

  test("leave out what is withheld and what is deleted", async () => {
    const photo = await finding.add(owner, await (await picture("coffee.png")).resize(450).png().toBuffer());
    const found = async () => (await similar(idOf("coffee.png"))).hits.map(({ photoId }) => photoId);
    expect(await found()).toContain(photo.photoId);
    await finding.publish(events.photoChanged, { photo, withheld: true, revision: 1 });
    expect(await found()).not.toContain(photo.photoId);
    await finding.publish(events.photoChanged, { photo, withheld: false, revision: 2 });
    expect(await found()).toContain(photo.photoId);
    await finding.publish(events.photoDeleted, { photo });
    expect(await found()).not.toContain(photo.photoId);
    expect(await reasonOf(similar(photo.photoId))).toBe("PHOTO_NOT_FOUND");
  });
});

describe("search by image", () => {
  type Part = searchV1.SearchByImageRequest["part"];
  async function* parts(...all: Part[]) {
    for (const part of all) yield { part };
  }
  const options = (value: Partial<searchV1.SearchByImageOptions> = {}): Part => ({
    $case: "options",
    value: searchV1.SearchByImageOptions.fromPartial(value),
  });
  const chunks = (bytes: Buffer): Part[] =>
    Array.from({ length: Math.ceil(bytes.byteLength / 65_536) }, (_, index) => ({
      $case: "chunk",
      value: bytes.subarray(index * 65_536, (index + 1) * 65_536),
    }));
  const search = (all: AsyncIterable<searchV1.SearchByImageRequest>, as = owner) =>
    finding.search.searchByImage(all, { bearer: as });

  test("finds the photo and what looks like it, the likest first", async () => {
    const bytes = await (await picture("coffee.png")).resize(420).jpeg({ quality: 70 }).toBuffer();
    const { hits } = await search(parts(options(), ...chunks(bytes)));
    expect(hits[0]?.photoId).toBe(idOf("coffee.png"));
    expect(hits.map(({ photoId }) => photoId).toSorted()).toEqual(
      [idOf("coffee.png"), idOf("closer"), idOf("mirrored")].toSorted(),
    );
    expect((await search(parts(options({ pageSize: 1 }), ...chunks(bytes)))).hits).toHaveLength(1);
    expect((await search(parts(options(), ...chunks(bytes)), newOwner())).hits).toEqual([]);
  });

  test("refuses options that make no sense before it takes the picture in", async () => {
    let taken = 0;
    async function* endless() {
      yield { part: options({ minScore: 2 }) };
      for (; taken < 1000; taken++) yield { part: { $case: "chunk" as const, value: Buffer.alloc(65_536) } };
    }
    expect(await reasonOf(search(endless()))).toBe("INVALID_MIN_SCORE");
    expect(await reasonOf(search(parts(options({ pageSize: -5 }))))).toBe("INVALID_PAGE_SIZE");
  });

  test("refuses messages in another order", async () => {
    const bytes = await sample("rocket.jpg");
    expect(await reasonOf(search(parts()))).toBe("INVALID_SEARCH");
    expect(await reasonOf(search(parts(...chunks(bytes))))).toBe("INVALID_SEARCH");
    expect(await reasonOf(search(parts(options(), options(), ...chunks(bytes))))).toBe("INVALID_SEARCH");
  });

  test("refuses what is no picture, what is too large and what does not arrive", async () => {
    expect(await reasonOf(search(parts(options())))).toBe("EMPTY_FILE");
    expect(await reasonOf(search(parts(options(), ...chunks(randomBytes(1000)))))).toBe(
      "UNSUPPORTED_MEDIA_TYPE",
    );
    const half = (await sample("coffee.png")).subarray(0, 50_000);
    expect(await reasonOf(search(parts(options(), ...chunks(half))))).toBe("CORRUPT_IMAGE");
    expect(await reasonOf(search(parts(options(), ...chunks(Buffer.alloc(5_100_000)))))).toBe(
      "FILE_TOO_LARGE",
    );
    async function* silent() {
      yield { part: options() };
      await delay(4_000);
    }
    expect(await reasonOf(search(silent()))).toBe("UPLOAD_STALLED");
  });
});

describe("memories", () => {
  const archivist = newOwner();
  const list = (request: Partial<searchV1.ListMemoriesRequest>, as = archivist) =>
    finding.search.listMemories(searchV1.ListMemoriesRequest.fromPartial(request), { bearer: as });
  const named: Record<string, eventsV1.PhotoRef> = {};
  const take = async (name: string, takenAt: string, as = archivist) => {
    const photo = { photoId: randomUUIDv7(), ownerId: as, sha256: name };
    named[name] = photo;
    await finding.publish(events.photoChanged, { photo, takenAt: new Date(takenAt), revision: 1 });
  };
  const shown = async (request: Partial<searchV1.ListMemoriesRequest>) =>
    (await list(request)).memories.map(({ year, photoIds }) => [
      year,
      ...photoIds.map((id) => Object.keys(named).find((name) => named[name]?.photoId === id)),
    ]);

  beforeAll(async () => {
    await take("evening", "2021-06-15T20:00:00Z");
    await take("morning", "2021-06-15T06:00:00Z");
    await take("late", "2019-06-15T23:30:00Z");
    await take("thisYear", "2024-06-15T12:00:00Z");
    await take("otherDay", "2020-06-16T12:00:00Z");
    await take("leap", "2020-02-29T12:00:00Z");
    await take("beforeLeap", "2020-02-28T12:00:00Z");
    await take("old", "1874-06-15T12:00:00Z");
    await take("foreign", "2021-06-15T12:00:00Z", newOwner());
  });

  test("are this day of earlier years, the newest year first, the earliest photo first", async () => {
    expect(await shown({ date: "2024-06-15" })).toEqual([
      [2021, "morning", "evening"],
      [2019, "late"],
      [1874, "old"],
    ]);
    expect((await list({ date: "2024-06-15" })).memories[0]?.count).toBe(2);
  });

  test("go by the clocks of the caller's zone", async () => {
    expect(await shown({ date: "2024-06-16", timeZone: "Europe/Berlin" })).toEqual([
      [2020, "otherDay"],
      [2019, "late"],
    ]);
    expect(await shown({ date: "2024-06-15", timeZone: "Asia/Tokyo" })).toEqual([
      [2021, "morning"],
      [1874, "old"],
    ]);
  });

  test("of a leap day come on the 28th in years that have none", async () => {
    expect(await shown({ date: "2024-02-29" })).toEqual([[2020, "leap"]]);
    expect(await shown({ date: "2024-02-28" })).toEqual([[2020, "beforeLeap"]]);
    expect(await shown({ date: "2023-02-28" })).toEqual([[2020, "beforeLeap", "leap"]]);
    expect(await shown({ date: "2023-03-01" })).toEqual([]);
  });

  test("are today's where no day is named, and at most fifty of a year", async () => {
    const collector = newOwner();
    const year = new Date().getUTCFullYear() - 1;
    const today = new Date();
    const [month, day] = [today.getUTCMonth(), today.getUTCDate()];
    const rows = Array.from({ length: 60 }, (_, index) => ({
      photo_id: randomUUIDv7(),
      ...{ owner_id: collector, sha256: "x" },
      taken_at: new Date(Date.UTC(year, month, day, 0, index)),
    }));
    await finding.host.database.db.insertInto("documents").values(rows.toReversed()).execute();
    const { memories } = await list({}, collector);
    // On a leap day there is no such day a year ago.
    if (month === 1 && day === 29) return;
    expect(memories.map((memory) => [memory.year, memory.count])).toEqual([[year, 60]]);
    expect(memories[0]?.photoIds).toEqual(rows.slice(0, 50).map(({ photo_id }) => photo_id));
  });

  test("leave out what is withheld, deleted, or was taken nobody knows when", async () => {
    const photo = named.morning;
    if (photo) await finding.publish(events.photoChanged, { photo, withheld: true, revision: 2 });
    expect((await shown({ date: "2024-06-15" }))[0]).toEqual([2021, "evening"]);
    const timeless = { photoId: randomUUIDv7(), ownerId: archivist, sha256: "x" };
    const createdAt = new Date("2022-06-15T12:00:00Z");
    await finding.publish(events.photoReady, { photo: timeless, filename: "a.jpg", createdAt });
    if (named.evening) await finding.publish(events.photoDeleted, { photo: named.evening });
    expect(await shown({ date: "2024-06-15" })).toEqual([
      [2019, "late"],
      [1874, "old"],
    ]);
  });

  test("refuse days and zones that do not exist", async () => {
    for (const date of ["2023-02-29", "2024-13-01", "yesterday", "2024-6-1", "0000-01-01", "2024-06-15'"])
      expect(await reasonOf(list({ date }))).toBe("INVALID_DATE");
    for (const timeZone of ["Mars/Olympus", "x".repeat(100_000), "Europe/Berlin\0"])
      expect(await reasonOf(list({ timeZone }))).toBe("INVALID_TIME_ZONE");
    expect(await list({ date: "9999-12-31" }, newOwner())).toEqual({ memories: [] });
    expect((await list({ date: "0001-01-01" })).memories).toEqual([]);
  });
});
