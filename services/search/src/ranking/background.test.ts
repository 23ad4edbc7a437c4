import { currentScope, inScope } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { Background } from "./background.ts";

/** Embeds everything as one value, by which the model can be told. */
function vectorsOf(values: Record<string, number>) {
  const asked: (string | undefined)[] = [];
  return {
    asked,
    async embedTexts(texts: string[], model = "the one that answers") {
      asked.push(model);
      return { model, embeddings: texts.map(() => Float32Array.of(values[model] ?? 0)) };
    },
  };
}

test("the mean of a model is by that model, whichever answers by now", async () => {
  const background = new Background(vectorsOf({ old: 1, "the one that answers": 2 }));
  expect((await background.mean("old"))[0]).toBeCloseTo(1);
  expect((await background.mean("the one that answers"))[0]).toBeCloseTo(2);
  expect((await background.mean("old"))[0]).toBeCloseTo(1);
});

test("the mean of a model is made once", async () => {
  const vectors = vectorsOf({ old: 1 });
  const background = new Background(vectors);
  await Promise.all([background.mean("old"), background.mean("old")]);
  expect(vectors.asked).toEqual(["old"]);
});

test("the mean belongs to no search: the leaving of the first one does not take it from the others", async () => {
  const scopes: unknown[] = [];
  const background = new Background({
    async embedTexts(texts, model = "") {
      scopes.push(currentScope());
      return { model, embeddings: texts.map(() => Float32Array.of(1)) };
    },
  });
  const signal = AbortSignal.abort();
  await inScope({ deadlineAt: performance.now() + 1_000, signal }, () => background.mean("old"));
  expect(scopes).toEqual([undefined]);
});
