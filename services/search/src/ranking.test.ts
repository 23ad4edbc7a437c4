import { describe, expect, test } from "vitest";
import {
  calibrationOf,
  meaningOdds,
  pictureOdds,
  probability,
  spellingDoubt,
} from "./ranking/calibration.ts";
import { wordReasons } from "./ranking/reasons.ts";
import { fuse, wordRelevance } from "./ranking.ts";

const calibration = calibrationOf("vision@1");
const [a, b, c, d] = ["01a", "01b", "01c", "01d"] as const;
const picture = (photoId: string, agreement: number, meaning = 0) => ({ photoId, agreement, meaning });
const nothing = { pictures: [], words: [], evidence: [], calibration, doubt: 0 };

describe("relevance of a picture", () => {
  test("grows with the agreement, and .35 is reached at .18", () => {
    const scores = [-1, 0, 0.1, 0.18, 0.222, 0.3, 1].map((each) =>
      probability(pictureOdds(calibration, each)),
    );
    expect(scores).toEqual([...scores].sort((x, y) => x - y));
    expect(scores[3]).toBeCloseTo(0.357, 2);
    expect(scores[4]).toBeCloseTo(0.5);
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
  });

  test("is doubted for words spelled in many pieces, to a bound", () => {
    expect(spellingDoubt(calibration, 1)).toBe(0);
    expect(spellingDoubt(calibration, 0)).toBe(0);
    expect(spellingDoubt(calibration, 2)).toBeCloseTo(0.03);
    expect(spellingDoubt(calibration, 50)).toBe(0.06);
  });

  test("is raised by captions and labels that mean the same, never lowered", () => {
    expect(meaningOdds(0.2)).toBe(0);
    expect(meaningOdds(0.7)).toBeCloseTo(4);
    const [best] = fuse({ ...nothing, pictures: [picture(a, 0.2), picture(b, 0.15, 0.7)] });
    expect(best?.photoId).toBe(b);
  });
});

describe("relevance of words", () => {
  test("half of what was asked for is much less than half", () => {
    const all = wordRelevance({ photoId: a, found: [1, 1], rank: 0.5 });
    const half = wordRelevance({ photoId: a, found: [1, 0], rank: 0.5 });
    const beginning = wordRelevance({ photoId: a, found: [1, 0.6], rank: 0.5 });
    expect(half).toBeLessThan(all / 3);
    expect(beginning).toBeGreaterThan(half);
    expect(beginning).toBeLessThan(all);
    expect(wordRelevance({ photoId: a, found: [1], rank: 5 })).toBeLessThanOrEqual(0.9);
  });
});

describe("fused", () => {
  test("a photo found by picture and words is above one found by either", () => {
    const hits = fuse({
      ...nothing,
      pictures: [picture(a, 0.24), picture(b, 0.24)],
      words: [
        { photoId: b, found: [1], rank: 0.5 },
        { photoId: c, found: [1], rank: 0.5 },
      ],
    });
    expect(hits.map(({ photoId }) => photoId)).toEqual([b, c, a]);
    expect(hits.every(({ score }) => score >= 0 && score <= 1)).toBe(true);
    expect(hits[0]).toMatchObject({ byPicture: true, byWords: true });
    expect(hits[1]).toMatchObject({ byPicture: false, byWords: true });
  });

  test("a name that may be meant brings photos in and lifts those found otherwise", () => {
    const pictures = [picture(a, 0.25), picture(b, 0.25)];
    const hits = fuse({ ...nothing, pictures, evidence: [[b, d]] });
    expect(hits.map(({ photoId }) => photoId)).toEqual([b, d, a]);
    expect(hits[1]?.score).toBeGreaterThan(0.35);
  });

  test("ranks never bring in what is below the cut", () => {
    const [only] = fuse({ ...nothing, pictures: [picture(a, 0.175)] });
    expect(only?.score).toBeCloseTo(probability(pictureOdds(calibration, 0.175)));
    expect(only?.score).toBeLessThan(0.35);
  });

  test("ties are ordered by id, newest first", () => {
    const words = [a, c, b].map((photoId) => ({ photoId, found: [0], rank: 0 }));
    expect(fuse({ ...nothing, words }).map(({ photoId }) => photoId)).toEqual([c, b, a]);
  });
});

test("says where which word was found", () => {
  const document = {
    photoId: a,
    title: "My cats",
    description: "The cat at home",
    caption: "A black cat",
    labels: ["tabby cat", "sofa"],
    ocrText: "CATALOGUE",
    places: "Catania\nItaly",
    camera: "Canon EOS R6",
    filename: "cat_01.jpg",
    holds: [],
  };
  expect(wordReasons(document, ["cat"])).toEqual([
    "title: cat",
    "description: cat",
    "caption: cat",
    "text: cat",
    "file: cat",
    "label: tabby cat",
    "place: Catania",
  ]);
  expect(wordReasons(document, ["canon", "italy", "tabby cat"])).toEqual([
    "label: tabby cat",
    "place: Italy",
    "camera: Canon EOS R6",
  ]);
  expect(wordReasons(document, ["dog"])).toEqual([]);
});
