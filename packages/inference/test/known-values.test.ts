import { afterAll, describe, expect, it } from "vitest";
import {
  dot,
  embedImage,
  embedSentences,
  embedTexts,
  InputInvalid,
  loadTokenizer,
  resizePixels,
} from "../src/index.ts";
import expected from "./fixtures/expected.json" with { type: "json" };
import { readPhoto, startEngine } from "./support.ts";

const engine = startEngine();
afterAll(() => engine.close());

const picture = (name: string) => engine.decode(name, () => readPhoto(name));

function expectClose(actual: ArrayLike<number>, wanted: number[], tolerance: number): void {
  for (const [index, value] of wanted.entries()) {
    expect(Math.abs((actual[index] ?? Number.NaN) - value)).toBeLessThanOrEqual(tolerance);
  }
}

describe("pictures", () => {
  it.each(expected.images)("prepares and embeds $file as the models were trained", async (wanted) => {
    const image = await picture(wanted.file);
    const { data } = await resizePixels(image, { width: 224, height: 224, fit: "fill" });
    const values = Array.from(data, (value) => value / 127.5 - 1);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expectClose([mean, deviation], [wanted.pixel_mean, wanted.pixel_sd], 0.01);
    const red = values.filter((_, index) => index % 3 === 0);
    expectClose(red, wanted.pixels_first8, 0.01);

    const result = await embedImage(engine, image);
    expect(result.embedding).toHaveLength(384);
    expect(dot(result.embedding, result.embedding)).toBeCloseTo(1, 4);
    expectClose(result.embedding, wanted.embedding_first8, 0.005);
    expectClose(result.tokens, wanted.tokens_first4, 0.02);
    expect(result.tokens).toHaveLength(49 * 384);
    const exps = Array.from(result.sceneLogits, Math.exp);
    const best = Math.max(...exps) / exps.reduce((sum, value) => sum + value, 0);
    expect(best).toBeCloseTo(Number(wanted.scene[1]), 2);
  });

  it("runs the vision model once however many ask for the same picture", async () => {
    const image = await picture("coffee.png");
    const [a, b] = await Promise.all([embedImage(engine, image), embedImage(engine, image)]);
    expect(a).toBe(b);
  });
});

describe("texts", () => {
  it.each(expected.queries)("tokenizes and embeds '$query'", async (wanted) => {
    const tokenizer = await loadTokenizer(engine);
    expect(tokenizer.tokenize(wanted.query)).toEqual({ cleaned: wanted.cleaned, ids: wanted.ids });
    const [embedding = new Float32Array()] = await embedTexts(engine, [wanted.query]);
    expectClose(embedding, wanted.embedding_first8, 0.005);
    for (const [file, cosine] of Object.entries(wanted.cosine_with_images)) {
      const { embedding: picturesOwn } = await embedImage(engine, await picture(file));
      expect(Math.abs(dot(embedding, picturesOwn) - cosine)).toBeLessThan(0.01);
    }
  });

  it("gives the same values alone and among others, across several runs", async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `a ${index % 2 === 0 ? "red" : "blue"} boat`);
    texts[7] = "12345";
    const many = await embedTexts(engine, texts);
    const [red = new Float32Array()] = await embedTexts(engine, ["a red boat"]);
    expect(many).toHaveLength(40);
    expect(dot(many[38] ?? new Float32Array(), red)).toBeCloseTo(1, 4);
    expect(many[7]?.every((value) => value === 0)).toBe(true);
    const [sentence] = await embedSentences(engine, ["a red boat"]);
    expect(sentence).toHaveLength(512);
  });

  it("refuses a text that is too long", async () => {
    await expect(embedTexts(engine, ["word ".repeat(1000)])).rejects.toBeInstanceOf(InputInvalid);
  });
});
