import { describe, expect, it } from "vitest";
import { everydayThings, tagPrompt } from "./everyday-things.ts";
import { chooseTags } from "./tags.ts";

/** A picture near to nothing in particular, with a few things set apart. */
function cosines(special: Record<string, number>): number[] {
  return everydayThings.map((thing, index) => special[thing] ?? 0.05 + 0.1 * Math.sin(index));
}

describe("chooseTags", () => {
  it("names what stands out, best first, and not what is merely nearest", () => {
    const tags = chooseTags(everydayThings, cosines({ kitten: 0.55, "tabby cat": 0.6, owl: 0.44 }), []);
    expect(tags).toEqual([
      { label: "tabby cat", score: 0.6 },
      { label: "kitten", score: 0.55 },
    ]);
  });

  it("names nothing when the picture is near to everything, unless an object confirms it", () => {
    const near = everydayThings.map((_, index) => 0.22 + 0.15 * Math.sin(index));
    const mug = everydayThings.indexOf("coffee mug");
    near[mug] = 0.53;
    expect(chooseTags(everydayThings, near, [])).toEqual([]);
    expect(chooseTags(everydayThings, near, [{ label: "cup", score: 0.52 }])).toEqual([
      { label: "coffee mug", score: 0.53 },
    ]);
    expect(chooseTags(everydayThings, near, [{ label: "cup", score: 0.2 }])).toEqual([]);
  });

  it("answers at most eight, and none for equal cosines", () => {
    const special = Object.fromEntries(everydayThings.slice(0, 12).map((thing) => [thing, 0.9]));
    expect(chooseTags(everydayThings, cosines(special), [])).toHaveLength(8);
    expect(
      chooseTags(
        everydayThings,
        everydayThings.map(() => 0.5),
        [],
      ),
    ).toEqual([]);
  });
});

describe("everydayThings", () => {
  it("holds some hundred distinct plain words", () => {
    expect(everydayThings.length).toBeGreaterThan(500);
    expect(new Set(everydayThings).size).toBe(everydayThings.length);
    for (const thing of everydayThings) expect(thing).toMatch(/^[a-z]+( [a-z]+)*$/);
    expect([tagPrompt("owl"), tagPrompt("cup of tea")]).toEqual([
      "a photo of an owl",
      "a photo of a cup of tea",
    ]);
  });
});
