import { beforeAll, describe, expect, it } from "vitest";
import { loadManifest } from "./manifest.ts";
import { readVerified } from "./model-files.ts";
import { cleanText, Tokenizer } from "./tokenizer.ts";

let tokenizer: Tokenizer;
beforeAll(async () => {
  const file = loadManifest().data.find((entry) => entry.id === "text-use-lite-vocab");
  if (file === undefined) throw new Error("the starter pack has no vocabulary");
  tokenizer = new Tokenizer(new TextDecoder().decode(await readVerified(file)));
});

describe("Tokenizer", () => {
  it("cleans text to what the models were trained on", () => {
    expect(cleanText("  A CAFÉ, isn’t\n it? 3×! ")).toBe("a cafe isn't it");
    expect(tokenizer.tokenize("12 — 日本").ids).toEqual([]);
  });

  it("gives an unknown character the unknown id rather than failing", () => {
    expect(tokenizer.split("狗").map(({ id }) => id)).toContain(0);
  });

  it("tells words known only letter by letter, and spares rare real ones", () => {
    expect(tokenizer.unknownWords("a xqzvk kitten hjkl")).toEqual(["xqzvk", "hjkl"]);
    expect(tokenizer.unknownWords("astronaut espresso kayak ukulele axe dj bmx")).toEqual([]);
  });

  it("refuses a vocabulary that is none", () => {
    expect(() => new Tokenizer("[]")).toThrow();
  });
});
