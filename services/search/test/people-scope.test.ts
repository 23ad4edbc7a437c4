import { randomUUID } from "node:crypto";
import { AppError } from "@ocelli/chassis";
import { events, type eventsV1, searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FindingUnderTest, limitedTo, newOwner, sample, startFinding } from "./finding-harness.ts";

// Whoever holds `search` and not `people` must not learn whom photos show, by whatever way.
const owner = newOwner();
const limited = limitedTo(owner, "search", "photos:write");
const maria = randomUUID();
let database: EmbeddedDatabase;
let finding: FindingUnderTest;
let photo: eventsV1.PhotoRef;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  finding = await startFinding(database.url);
  photo = await finding.add(owner, await sample("coffee.png"), { camera: "Marvel 1" });
  const caption = { text: "a cup of coffee", score: 0.9 };
  await finding.publish(events.photoCaptioned, { photo, caption });
  const person = { ownerId: owner, personId: maria, name: "Marietta Lindqvist", revision: 1 };
  await finding.publish(events.personChanged, person);
  await finding.publish(events.photoGrouped, { photo, personIds: [maria], revision: 1 });
  await finding.settle();
});
afterAll(async () => {
  await finding?.stop();
  await database?.close();
});

const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: unknown) => AppError.from(error).reason,
  );
const search = (query: string, bearer: string, filter?: Partial<searchV1.SearchFilter>) =>
  finding.search.search(
    searchV1.SearchRequest.fromPartial({
      query,
      ...(filter ? { filter: searchV1.SearchFilter.fromPartial(filter) } : {}),
    }),
    { bearer },
  );
const found = async (query: string, bearer: string) =>
  (await search(query, bearer)).hits.map(({ photoId }) => photoId);

describe("without the scope `people`", () => {
  test("no person is suggested", async () => {
    const kinds = async (bearer: string) =>
      (await finding.search.suggest({ prefix: "mar", limit: 0 }, { bearer })).suggestions.map(
        ({ kind }) => kind,
      );
    expect(await kinds(owner)).toEqual(["person", "camera"]);
    expect(await kinds(limited)).toEqual(["camera"]);
  });

  test.each(["marietta", "with Marietta Lindqvist", "person:marietta", 'person:"Marietta Lindqvist"'])(
    "nobody is found by %s",
    async (query) => {
      expect(await found(query, owner)).toEqual([photo.photoId]);
      expect(await found(query, limited)).toEqual([]);
      expect(JSON.stringify((await search(query, owner)).understood)).toContain("Marietta Lindqvist");
    },
  );

  test("what was typed is neither taken for a name nor told as one", async () => {
    expect((await search("marietta", limited)).understood).toEqual([]);
    expect((await search("person:marietta", limited)).understood).toEqual([
      { kind: "person", text: "person:marietta", meaning: "marietta" },
    ]);
    const { hits } = await search("marietta coffee", limited);
    expect(hits.map(({ photoId }) => photoId)).toEqual([photo.photoId]);
    expect(hits.flatMap(({ why }) => why).join()).not.toMatch(/person/);
    expect((await search("marietta coffee", owner)).hits[0]?.why).toContain("person: Marietta Lindqvist");
  });

  test("a minus before a person leaves nobody out", async () => {
    expect(await found("-person:marietta", owner)).toEqual([]);
    expect(await found("-person:marietta", limited)).toEqual([photo.photoId]);
    expect(await found("-person:nobody", limited)).toEqual([photo.photoId]);
  });

  test("no slip is mended to a person's name", async () => {
    const corrections = async (bearer: string) =>
      (await search("maretta lindqist", bearer)).understood.filter(({ kind }) => kind === "correction");
    expect((await corrections(owner)).map(({ meaning }) => meaning)).toEqual(["marietta"]);
    expect(await corrections(limited)).toEqual([]);
  });

  test("a filter by person is refused, whether there is such a person or not", async () => {
    for (const id of [maria, randomUUID(), "nonsense"]) {
      const refused = search("", limited, { personIds: [id] });
      await expect(refused).rejects.toThrow(/PERMISSION_DENIED.*scope people/);
      expect(await refusalOf(refused)).toBe("SCOPE_REQUIRED");
    }
    expect((await search("", owner, { personIds: [maria] })).hits).toHaveLength(1);
  });

  test("smart albums about persons are empty, or refused", async () => {
    const filter = searchV1.SearchFilter.fromPartial({ personIds: [maria] });
    const keep = async (request: Partial<searchV1.CreateSmartAlbumRequest>, bearer: string) => {
      const created = searchV1.CreateSmartAlbumRequest.fromPartial({ name: "Her", ...request });
      return (await finding.smartAlbums.createSmartAlbum(created, { bearer })).smartAlbum;
    };
    const byName = await keep({ query: "person:marietta" }, owner);
    const byId = await keep({ filter }, owner);
    expect([byName?.count, byId?.count]).toEqual([1, 1]);
    expect(await refusalOf(keep({ filter }, limited))).toBe("SCOPE_REQUIRED");
    const { smartAlbums } = await finding.smartAlbums.listSmartAlbums(
      { pageSize: 0, pageToken: "" },
      { bearer: limited },
    );
    expect(smartAlbums.map(({ count, coverPhotoId }) => [count, coverPhotoId])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    const photos = (smartAlbumId = "") =>
      finding.smartAlbums.listSmartAlbumPhotos(
        { smartAlbumId, pageSize: 0, pageToken: "" },
        { bearer: limited },
      );
    expect((await photos(byName?.id)).hits).toEqual([]);
    expect(await refusalOf(photos(byId?.id))).toBe("SCOPE_REQUIRED");
    const rename = (updateMask: string[]) =>
      finding.smartAlbums.updateSmartAlbum(
        {
          smartAlbum: searchV1.SmartAlbum.fromPartial({ id: byId?.id ?? "", name: "She", filter }),
          updateMask,
        },
        { bearer: limited },
      );
    expect(await refusalOf(rename(["name"]))).toBe("none");
    expect(await refusalOf(rename(["filter"]))).toBe("SCOPE_REQUIRED");
  });
});
