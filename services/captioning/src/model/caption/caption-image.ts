import { dot, type Engine, embedImage, embedTexts, type RgbImage, type RunOptions } from "@ocelli/inference";
import { chooseCaption, neuralHandicap } from "./choose.ts";
import { isUnexamined } from "./evidence.ts";
import { nearestPhrases } from "./nearest-phrases.ts";
import { decoderModelId, isWellFormed, type NeuralSentence, writeSentences } from "./neural.ts";
import { embedCommonPhrases } from "./phrase-embeddings.ts";
import { draftPlain } from "./plain.ts";
import type { CaptionCandidate, CaptionContext, CaptionSource, ScoredDraft } from "./types.ts";

/** Raise when prompts, thresholds or processing change what is said of the same picture. */
const processingVersion = 1;

/** Below this cosine a neural sentence is usually wrong (CIDEr-D by cosine quartile: .17/.34/.50/.90). */
const minNeuralCosine = 0.38;
/**
 * The same when a detector is certain of something, so that there is a true sentence to show instead, or when no other
 * model looked at the picture: the wrong sentences about sample portraits ("a man in a black shirt and a black hat is
 * sitting on a picture") reach .49, and the true "a person" only .31.
 */
const minNeuralCosineStrict = 0.5;
const certainObject = 0.6;
/** Beams are re-ranked by score + this x cosine with the picture (CIDEr-D .470 -> .498). */
const cosineWeight = 2;
/** What is said of a picture, and how it came about. */
export interface CaptionResult {
  text: string;
  /** Cosine of sentence and picture, 0 for the fallback sentence. */
  score: number;
  source: CaptionSource;
  /** Everything considered, best first; those that could not be shown say why. */
  candidates: CaptionCandidate[];
  /** Ids and versions of models and processing. */
  model: string;
  /** Wall-clock milliseconds, waiting for the engine included. */
  ms: number;
}

/** The string stored with every caption: captions with another one are remade. */
export function captionModelVersion(engine: Engine): string {
  const models = ["vision", "text-head", "text-use-lite", decoderModelId].map((id) => engine.model(id));
  return [
    ...models.map(({ id, version }) => `${id}@${version}`),
    `caption-processing@${processingVersion}`,
  ].join("+");
}

/**
 * One sentence for a picture: plain sentences from the context and sentences of the decoder are compared with the picture
 * in the joint embedding, weighed with the detections, and the best is shown. Rejects with the engine's errors.
 */
export async function captionImage(
  engine: Engine,
  image: RgbImage,
  context: CaptionContext,
  options: Pick<RunOptions, "deadlineMs" | "signal"> = {},
): Promise<CaptionResult> {
  const started = performance.now();
  const [vision, sentences, phraseRows] = await Promise.all([
    embedImage(engine, image, options),
    writeSentences(engine, image, options),
    embedCommonPhrases(engine),
  ]);
  const phrases = nearestPhrases(
    phraseRows.map((row) => dot(row, vision.embedding)),
    context,
  );
  const plain = draftPlain(context);
  const neural = sentences.filter(({ text }) => isWellFormed(text));
  const texts = [...neural, ...plain].map(({ text }) => text);
  const rows = await embedTexts(engine, texts, options);
  const cosines = rows.map((row) => dot(row, vision.embedding));
  const best = bestNeural(neural, cosines, neuralThreshold(context));
  const drafts = [...best.map(({ draft }) => draft), ...plain, ...phrases.map(({ draft }) => draft)];
  const scores = [
    ...best.map(({ cosine }) => cosine),
    ...cosines.slice(neural.length),
    ...phrases.map(({ cosine }) => cosine),
  ];
  const choice = chooseCaption(drafts, scores, context);
  return { ...choice, model: captionModelVersion(engine), ms: performance.now() - started };
}

function neuralThreshold(context: CaptionContext): number {
  const certain = context.objects.some(({ score }) => score >= certainObject);
  return certain || isUnexamined(context) ? minNeuralCosineStrict : minNeuralCosine;
}

/** The decoder's sentences in the order of the re-ranking; later ones cede by a little, so that it decides among them. */
function bestNeural(
  sentences: readonly NeuralSentence[],
  cosines: readonly number[],
  minCosine: number,
): ScoredDraft[] {
  return sentences
    .map(({ text, score }, index) => ({ text, cosine: cosines[index] ?? -1, score }))
    .map((entry) => ({ ...entry, merit: entry.score + cosineWeight * entry.cosine }))
    .sort((a, b) => b.merit - a.merit)
    .map(({ text, cosine }, place) => ({
      cosine,
      draft: { text, source: "NEURAL", evidence: neuralHandicap - place / 100, minCosine },
    }));
}
