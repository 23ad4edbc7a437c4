import { describe, expect, it } from "vitest";
import { chooseCaption, neuralHandicap } from "./choose.ts";
import { commonPhrases } from "./common-phrases.ts";
import { nearestPhrases } from "./nearest-phrases.ts";
import { isWellFormed } from "./neural.ts";
import type { CaptionContext, Draft } from "./types.ts";

const neural = (text: string): Draft => ({
  text,
  source: "NEURAL",
  evidence: neuralHandicap,
  minCosine: 0.38,
});
const plain = (text: string): Draft => ({ text, source: "PLAIN", evidence: 0, minCosine: 0.3 });
const withObject = (label: string, score = 0.8): CaptionContext => ({
  objects: [{ label, score }],
  tags: [],
});

describe("chooseCaption", () => {
  it("shows a neural sentence that is clearly nearer", () => {
    const drafts = [neural("a dog runs on the beach"), plain("a dog")];
    expect(chooseCaption(drafts, [0.6, 0.45], withObject("dog")).source).toBe("NEURAL");
  });

  it("prefers the plain one when they are near", () => {
    const drafts = [neural("a dog runs on the beach"), plain("a dog")];
    expect(chooseCaption(drafts, [0.48, 0.45], withObject("dog")).text).toBe("a dog");
  });

  it("never names a person that nobody found", () => {
    const choice = chooseCaption(
      [neural("a man in a red shirt"), plain("a cup")],
      [0.7, 0.4],
      withObject("cup"),
    );
    expect(choice.text).toBe("a cup");
    expect(choice.candidates.at(-1)).toMatchObject({ text: "a man in a red shirt", rejected: "UNSUPPORTED" });
    const faces = chooseCaption([neural("a man in a red shirt")], [0.7], { objects: [], tags: [], faces: 1 });
    expect(faces.text).toBe("a man in a red shirt");
  });

  it("never names another animal or vehicle than the one found", () => {
    const choice = chooseCaption(
      [neural("a brown dog in the grass"), plain("a cat")],
      [0.6, 0.4],
      withObject("cat"),
    );
    expect(choice.text).toBe("a cat");
    expect(choice.candidates.at(-1)?.rejected).toBe("CONTRADICTED");
    const bus = chooseCaption([neural("a red truck on the street")], [0.6], withObject("bus"));
    expect(bus.text).toBe("an unclear photo");
  });

  it("falls back honestly when nothing is near enough", () => {
    const context: CaptionContext = { objects: [], tags: [], scene: { unsure: true, place: "outdoor" } };
    const choice = chooseCaption([neural("a ball on the grass")], [0.2], context);
    expect(choice).toMatchObject({ text: "a photo taken outdoors", score: 0, source: "PLAIN" });
    expect(choice.candidates[0]?.rejected).toBe("BELOW_THRESHOLD");
  });

  it("lists the same sentence once, at its better place", () => {
    const ceding = { ...plain("a cup"), evidence: -0.2 };
    const choice = chooseCaption(
      [ceding, plain("a plate"), plain("a cup")],
      [0.5, 0.4, 0.5],
      withObject("cup"),
    );
    expect(choice.candidates.map(({ text }) => text)).toEqual(["a cup", "a plate"]);
  });
});

it.each([
  ["a dog runs through the grass", true],
  ["a black dog and a white dog play", true],
  ["a photo of a gas pump", false],
  ["a man in a blue shirt and a blue shirt is standing", false],
  ["a man in the middle of a crowd of a", false],
  ["", false],
])("%s is well formed: %s", (text, expected) => expect(isWellFormed(text)).toBe(expected));

describe("nearestPhrases", () => {
  const cosines = (near: Record<string, number>): number[] =>
    commonPhrases.map((text, index) => near[text] ?? (index % 7) / 50);
  const best = (near: Record<string, number>, tag?: string) => {
    const tags = tag === undefined ? [] : [{ label: tag, score: 0.5 }];
    const { draft, cosine } = nearestPhrases(cosines(near), { objects: [], tags })[0] ?? {};
    return { text: draft?.text, shown: (cosine ?? 0) >= (draft?.minCosine ?? 1) };
  };

  it("shows one that stands out, or whose main thing was named", () => {
    expect(best({ "a guitar": 0.6 })).toEqual({ text: "a guitar", shown: true });
    const near = Object.fromEntries(commonPhrases.map((text, index) => [text, index % 2 === 0 ? 0.4 : 0.1]));
    const crowded = { ...near, "fireworks in the night sky": 0.46 };
    expect(best(crowded)).toEqual({ text: "fireworks in the night sky", shown: false });
    expect(best(crowded, "sky").shown).toBe(false);
    expect(best(crowded, "fireworks").shown).toBe(true);
  });
});
