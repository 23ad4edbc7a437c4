import { describe, expect, it } from "vitest";
import { beamDefaults, type NextWord, searchSentences, wordIds } from "./beam-search.ts";

/** A decoder over six words that knows the next word's probabilities from the last word. */
function decoder(table: Record<number, number[]>): NextWord {
  return async (sentences) =>
    sentences.map((ids) =>
      Float32Array.from(table[ids.at(-1) ?? 0] ?? [0, 0, 1, 0, 0, 0], (p) => Math.log(p + 1e-9)),
    );
}

describe("searchSentences", () => {
  it("finds the likelier sentence that starts with the less likely word", async () => {
    const found = await searchSentences(
      decoder({ 1: [0, 0, 0, 0, 0.6, 0.4], 4: [0, 0, 0.35, 0, 0.3, 0.35], 5: [0, 0, 1, 0, 0, 0] }),
    );
    expect(found[0]?.ids).toEqual([5]);
  });

  it("never emits padding, begin, unknown or a word twice in a row", async () => {
    const found = await searchSentences(
      decoder({ 1: [0.3, 0.3, 0, 0.3, 0.1, 0], 4: [0.2, 0.2, 0.01, 0.2, 0.39, 0] }),
    );
    const words = found.flatMap(({ ids }) => ids);
    for (const banned of [wordIds.padding, wordIds.begin, wordIds.unknown])
      expect(words).not.toContain(banned);
    for (const { ids } of found) expect(ids.some((id, at) => id === ids[at - 1])).toBe(false);
  });

  it("stops at the word limit when the decoder never ends", async () => {
    const found = await searchSentences(
      decoder({ 1: [0, 0, 0, 0, 1, 0], 4: [0, 0, 0, 0, 0, 1], 5: [0, 0, 0, 0, 1, 0] }),
    );
    expect(found[0]?.ids).toHaveLength(beamDefaults.maxWords);
  });

  it("survives not-a-number logits", async () => {
    const found = await searchSentences(async (sentences) =>
      sentences.map(() => new Float32Array(6).fill(Number.NaN)),
    );
    expect(found).toEqual([]);
  });
});
