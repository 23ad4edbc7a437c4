import { randomUUID, randomUUIDv7 } from "node:crypto";
import { AppError } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { photoOf, type SearchUnderTest, startSearch, whatIsSaidOf } from "./search-harness.ts";

const owner = randomUUID();
const samples = {
  "coffee.png": { caption: "A cup of coffee on a wooden table.", labels: ["cup", "spoon", "restaurant"] },
  "chelsea.png": { caption: "A close up of a cat.", labels: ["cat", "pet"] },
  "rocket.jpg": { caption: "A rocket stands at night.", labels: ["rocket", "night"], text: "FALCON 9" },
  "astronaut.png": { caption: "A woman in an orange suit smiles.", labels: ["person", "astronaut"] },
};
const idOf: Record<string, string> = {};
let database: EmbeddedDatabase;
let search: SearchUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  search = await startSearch(database.url);
  for (const [name, said] of Object.entries(samples)) {
    const photo = photoOf(name, owner);
    idOf[name] = photo.photoId;
    await Promise.all(whatIsSaidOf(photo, { ...said, filename: name }).map((say) => say(search)));
  }
});
afterAll(async () => {
  await search?.stop();
  await database?.close();
});

const nameOf = (photoId: string) => Object.keys(idOf).find((name) => idOf[name] === photoId);
const { SEARCH_MODE_SEMANTIC, SEARCH_MODE_TEXT } = searchV1.SearchMode;

describe("finds", () => {
  test.each([
    ["cup of coffee", "coffee.png"],
    ["kitten face close up", "chelsea.png"],
    ["rocket on the launch pad at night", "rocket.jpg"],
  ])("%s: %s first", async (query, name) => {
    for (const mode of [undefined, SEARCH_MODE_SEMANTIC]) {
      const { hits } = await search.search(owner, query, mode && { mode });
      expect(nameOf(hits[0]?.photoId ?? "")).toBe(name);
      expect(hits[0]?.why).toContain("picture");
    }
  });

  test.each([
    ["cups", "coffee.png"],
    ["astronaut", "astronaut.png"],
    ["falcon", "rocket.jpg"],
    ["chelsea.png", "chelsea.png"],
    ['"orange suit"', "astronaut.png"],
  ])("%s in the words of %s", async (query, name) => {
    const { hits } = await search.search(owner, query, { mode: SEARCH_MODE_TEXT });
    expect(hits.map(({ photoId }) => nameOf(photoId))).toEqual([name]);
  });

  test.each(["asdfgh", "submarine", "xqzvk", "…", "!!!", "the"])("nothing for %s", async (query) => {
    expect((await search.search(owner, query)).hits).toEqual([]);
  });

  test("nothing of other owners, in any mode, however low the bar", async () => {
    for (const mode of Object.values(searchV1.SearchMode)) {
      expect((await search.search(randomUUID(), "cup of coffee", { mode, minScore: 0 })).hits).toEqual([]);
    }
  });
});

describe("limits", () => {
  test("the least score is kept, 0 shows everything, best first", async () => {
    const all = (await search.search(owner, "coffee", { minScore: 0 })).hits;
    expect(all).toHaveLength(4);
    expect(all.map(({ score }) => score)).toEqual(all.map(({ score }) => score).sort((a, b) => b - a));
    const some = (await search.search(owner, "coffee", { minScore: 0.5 })).hits;
    expect(some.length).toBeLessThan(4);
    expect(some.every(({ score }) => score >= 0.5)).toBe(true);
  });

  test.each([
    [{ minScore: 1.1 }],
    [{ minScore: -0.1 }],
    [{ minScore: Number.NaN }],
    [{ pageSize: -1 }],
    [{ pageToken: "x" }],
  ])("%j is refused", async (request) => {
    const error = await search.search(owner, "coffee", request).catch(AppError.from);
    expect(error).toMatchObject({
      reason: expect.stringMatching(/^INVALID_(MIN_SCORE|PAGE_SIZE|PAGE_TOKEN)$/),
    });
  });

  test("a search needs somebody and something", async () => {
    const request = searchV1.SearchRequest.fromPartial({ query: "coffee" });
    expect(await search.client.search(request).catch(AppError.from)).toMatchObject({
      reason: "UNAUTHENTICATED",
    });
    for (const query of ["", "   ", "x".repeat(501)])
      expect(await search.search(owner, query).catch(AppError.from)).toMatchObject({
        reason: "INVALID_QUERY",
      });
  });

  test("pages follow one another without gap or overlap and belong to their search", async () => {
    const all = (await search.search(owner, "coffee", { minScore: 0 })).hits.map(({ photoId }) => photoId);
    const paged: string[] = [];
    let pageToken = "";
    do {
      const page = await search.search(owner, "coffee", { minScore: 0, pageSize: 1, pageToken });
      paged.push(...page.hits.map(({ photoId }) => photoId));
      if (pageToken === "") {
        const other = search.search(owner, "tea", { minScore: 0, pageToken: page.nextPageToken });
        expect(await other.catch(AppError.from)).toMatchObject({ reason: "INVALID_PAGE_TOKEN" });
      }
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toEqual(all);
  });
});

test.each([
  "",
  "x",
  "infinity",
  "today",
  "2024-02-30T00:00:00.000000Z",
  "0000-01-01T00:00:00.000000Z",
  "2024-01-01T00:00:00.000000Z'",
])("a page token that was forged with the moment %j is refused", async (moment) => {
  // Nothing to rank: such a list goes on after a moment.
  const request = { filter: searchV1.SearchFilter.fromPartial({ favorite: false }), pageSize: 1 };
  const all = (await search.search(owner, "", { ...request, pageSize: 0 })).hits;
  const { nextPageToken } = await search.search(owner, "", request);
  const next = await search.search(owner, "", { ...request, pageToken: nextPageToken });
  expect(next.hits).toEqual(all.slice(1, 2));
  const token = JSON.parse(Buffer.from(nextPageToken, "base64url").toString());
  const forged = { ...token, c: { ...token.c, moment } };
  const pageToken = Buffer.from(JSON.stringify(forged)).toString("base64url");
  expect(await search.search(owner, "", { ...request, pageToken }).catch(AppError.from)).toMatchObject({
    reason: "INVALID_PAGE_TOKEN",
  });
});

test("of a word that very many photos say, those that say it most are found, then the newest", async () => {
  const ownerId = randomUUID();
  const rows = Array.from({ length: 700 }, (_, day) => ({
    ...{ photo_id: randomUUIDv7(), owner_id: ownerId, sha256: "x", title: day === 650 ? "Lantern" : "" },
    ...{ ocr_text: day === 660 ? "lantern and harbour" : "lantern", taken_at: new Date(day * 86_400_000) },
  }));
  await search.host.database.db.insertInto("documents").values(rows).execute();
  const find = async (query: string) => {
    const found: string[] = [];
    for (let pageToken = "", page = 0; page === 0 || pageToken !== ""; page++) {
      const request = { mode: SEARCH_MODE_TEXT, minScore: 0, pageSize: 100, pageToken };
      const { hits, nextPageToken } = await search.search(ownerId, query, request);
      found.push(...hits.map(({ photoId }) => photoId));
      pageToken = nextPageToken;
    }
    return found;
  };
  const [titled, both] = [rows[650]?.photo_id, rows[660]?.photo_id];
  const lantern = await find("lantern");
  expect(lantern).toHaveLength(500);
  expect(lantern[0]).toBe(titled);
  expect(lantern).not.toContain(rows[0]?.photo_id);
  expect(lantern).toContain(rows[699]?.photo_id);
  expect((await find("lantern harbour")).slice(0, 2)).toEqual([both, titled]);
});

describe("never fails for", () => {
  const specials = [
    ...[
      "& | ! :* ' \" ( )",
      "'; drop table search.documents; --",
      "cat & !dog | (bird:*)",
      "!",
      "-",
      '"',
      "''''",
    ],
    ...[
      "-cat",
      "cat or",
      "or",
      "a:b:c",
      "a <-> b",
      "\\",
      "%",
      "$1",
      "😀 🐈‍⬛",
      "\u202e\u0000cat",
      "\ud800",
      "日本語の猫",
    ],
    ...["x ".repeat(250), "'".repeat(500), "😀".repeat(250), "http://a.b/c?d=e&f=g !x", "a\tb\nc", "ﬁ İ ß"],
  ];
  test.each(specials)("%j", async (query) => {
    for (const mode of Object.values(searchV1.SearchMode)) {
      const answer = await search.search(owner, query, { mode, minScore: 0 }).catch(AppError.from);
      if (answer instanceof AppError) expect(answer.reason).toBe("INVALID_QUERY");
      else expect(answer.hits.length).toBeLessThanOrEqual(4);
    }
  });
});
