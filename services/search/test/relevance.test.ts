import { randomUUID } from "node:crypto";
import { searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { photoOf, type SearchUnderTest, startSearch, whatIsSaidOf } from "./search-harness.ts";

/** What `ocelli analyze` says of the photos with the starter models. */
const analysed = {
  "astronaut.png": { caption: "a person", labels: ["person"] },
  "chelsea.png": { caption: "a tabby cat", labels: ["tabby cat", "kitten", "cat"] },
  "coffee.png": { caption: "a cup of coffee", labels: ["coffee mug", "coffee", "cup of coffee", "cup"] },
  "rocket.jpg": { caption: "the sky at sunset", labels: ["sunset"] },
};

/** Query and the photo it is to find first, or nothing. */
const expected: readonly (readonly [query: string, first: keyof typeof analysed | undefined])[] = [
  ["astronaut", "astronaut.png"],
  ["astronaut in a space suit", "astronaut.png"],
  ["woman in a space suit", "astronaut.png"],
  ["woman", "astronaut.png"],
  ["person", "astronaut.png"],
  ["persons", "astronaut.png"],
  ["cup of coffee", "coffee.png"],
  ["a cup of coffee", "coffee.png"],
  ["coffee", "coffee.png"],
  ["espresso", "coffee.png"],
  ["espresso on a wooden table", "coffee.png"],
  ["cat", "chelsea.png"],
  ["cats", "chelsea.png"],
  ["kitten", "chelsea.png"],
  ["kiten", "chelsea.png"],
  ["kitten face close up", "chelsea.png"],
  ["rocket on the launch pad at night", "rocket.jpg"],
  ["rocket launch", "rocket.jpg"],
  ["sunset", "rocket.jpg"],
  ["night sky", "rocket.jpg"],
  ["submarine", undefined],
  ["asdfgh", undefined],
  ["xqzvk", undefined],
  ["qwerty", undefined],
  ["blorptang", undefined],
  ["lorem ipsum", undefined],
  ["foo bar baz", undefined],
  ["violin", undefined],
  ["woman playing the violin", undefined],
  ["football match", undefined],
  ["birthday cake", undefined],
  ["birthday cake with candles", undefined],
  ["dog", undefined],
  ["dog running on the beach", undefined],
  ["beach", undefined],
  ["skiing in the mountains", undefined],
  ["bicycle", undefined],
  ["train", undefined],
  ["wedding", undefined],
  ["children playing in the park", undefined],
  ["swimming pool", undefined],
  ["quantum", undefined],
  ["invoice", undefined],
];

const owner = randomUUID();
const nameOf = new Map<string, string>();
let database: EmbeddedDatabase;
let search: SearchUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  search = await startSearch(database.url);
  for (const [name, said] of Object.entries(analysed)) {
    const photo = photoOf(name, owner);
    nameOf.set(photo.photoId, name);
    await Promise.all(whatIsSaidOf(photo, { ...said, filename: "IMG.jpg" }).map((say) => say(search)));
  }
});
afterAll(async () => {
  await search?.stop();
  await database?.close();
});

describe("with what the models really say of four photos", () => {
  test.each(expected)("%s: %s", async (query, first) => {
    const { hits } = await search.search(owner, query);
    const shown = hits.map(({ photoId, score }) => `${nameOf.get(photoId)} ${score.toFixed(2)}`);
    if (first === undefined) expect(shown).toEqual([]);
    else expect(nameOf.get(hits[0]?.photoId ?? ""), shown.join(", ")).toBe(first);
  });

  test("scores compare between queries: right photos are above wrong ones", async () => {
    const best = async (query: string) =>
      (await search.search(owner, query, { minScore: 0 })).hits[0]?.score ?? 0;
    const right: number[] = [];
    const wrong: number[] = [];
    for (const [query, first] of expected) (first ? right : wrong).push(await best(query));
    expect(Math.min(...right)).toBeGreaterThan(Math.max(...wrong));
  });

  test("the least score of the caller overrides the cut, in both directions", async () => {
    expect((await search.search(owner, "submarine", { minScore: 0 })).hits).toHaveLength(4);
    expect((await search.search(owner, "woman in a space suit", { minScore: 0.9 })).hits).toEqual([]);
  });

  test("captions and labels help pictures in hybrid searches alone", async () => {
    const score = async (mode: searchV1.SearchMode) =>
      (await search.search(owner, "espresso", { mode, minScore: 0 })).hits[0]?.score ?? 0;
    const { SEARCH_MODE_HYBRID, SEARCH_MODE_SEMANTIC } = searchV1.SearchMode;
    expect(await score(SEARCH_MODE_HYBRID)).toBeGreaterThan((await score(SEARCH_MODE_SEMANTIC)) + 0.1);
  });

  test("a misspelt word is mended and said to be", async () => {
    const { hits, understood } = await search.search(owner, "kiten");
    expect(understood).toEqual([{ kind: "correction", text: "kiten", meaning: "kitten" }]);
    expect(hits[0]?.why).toContain("label: kitten");
  });

  test("a word that is still being typed finds longer ones", async () => {
    const { hits } = await search.search(owner, "suns", {
      mode: searchV1.SearchMode.SEARCH_MODE_TEXT,
      minScore: 0,
    });
    expect(hits.map(({ photoId }) => nameOf.get(photoId))).toEqual(["rocket.jpg"]);
  });
});
