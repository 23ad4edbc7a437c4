import { describe, expect, it } from "vitest";
import { draftPlain, fallbackCaption } from "./plain.ts";
import type { CaptionContext } from "./types.ts";

const nothing: CaptionContext = { objects: [], tags: [] };
const textsOf = (context: CaptionContext): string[] => draftPlain(context).map(({ text }) => text);

describe("draftPlain", () => {
  it("counts objects and joins kinds", () => {
    const objects = [
      { label: "person", score: 0.9 },
      { label: "dog", score: 0.7 },
      { label: "person", score: 0.8 },
    ];
    expect(textsOf({ ...nothing, objects })).toEqual(["two people", "a dog", "two people and a dog"]);
  });

  it("dresses the people who were found, but nobody who was not", () => {
    const tags = [{ label: "suit and tie", score: 0.5 }];
    const person = { label: "person", score: 0.8 };
    expect(textsOf({ objects: [person], tags })).toContain("a person in a suit and tie");
    expect(textsOf({ objects: [person, person], tags })).toContain("two people in suits and ties");
    expect(textsOf({ objects: [], tags })).toEqual(["a suit and tie"]);
    const hat = [{ label: "hat", score: 0.5 }];
    expect(textsOf({ objects: [person], tags: hat })).toContain("a person wearing a hat");
  });

  it("offers tables for what is served and places for everything", () => {
    const tags = [{ label: "cup of coffee", score: 0.5 }];
    expect(textsOf({ ...nothing, tags })).toContain("a cup of coffee on a table");
    const scene = { label: "kitchen", unsure: false, place: "indoor" as const };
    expect(textsOf({ ...nothing, tags, scene })).toContain("a cup of coffee in a kitchen");
    expect(textsOf({ ...nothing, scene })).toEqual(["a kitchen"]);
  });

  it("says every sentence once, and nothing without evidence", () => {
    const twice = { objects: [{ label: "cat", score: 0.9 }], tags: [{ label: "cat", score: 0.5 }] };
    expect(textsOf(twice)).toEqual(["a cat"]);
    expect(textsOf(nothing)).toEqual([]);
    expect(textsOf({ ...nothing, objects: [{ label: "cat", score: 0.2 }] })).toEqual([]);
  });
});

it("the fallback says no more than is known", () => {
  expect(fallbackCaption(nothing)).toBe("an unclear photo");
  expect(fallbackCaption({ ...nothing, scene: { unsure: true, place: "outdoor" } })).toBe(
    "a photo taken outdoors",
  );
});
