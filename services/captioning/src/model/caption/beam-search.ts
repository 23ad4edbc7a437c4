/** Ids with a meaning in caption-vocab.json. */
export const wordIds = { padding: 0, begin: 1, end: 2, unknown: 3 } as const;

/** Logits of the next word for each of the sentences (all of the same length, begin id included). */
export type NextWord = (sentences: readonly number[][]) => Promise<Float32Array[]>;

/** Settings measured for the caption decoder (models/starter model card). */
export interface BeamSettings {
  beams: number;
  /** Sentences compare by log-probability / length ^ penalty. */
  lengthPenalty: number;
  maxWords: number;
}

/** The settings of {@link BeamSettings} that the model card measured. */
export const beamDefaults: BeamSettings = { beams: 3, lengthPenalty: 0.7, maxWords: 18 };

/** A finished sentence: word ids without begin and end, and its length-normalised log-probability. */
export interface Sentence {
  ids: number[];
  score: number;
}

interface Hypothesis {
  ids: number[];
  logProbability: number;
  ended: boolean;
}

/**
 * Beam search over a decoder. Padding, begin and unknown are never emitted and no word twice in a row. Ends when as many
 * sentences as beams have ended or at `maxWords`. Best first; rejects with what `nextWord` rejects with.
 */
export async function searchSentences(
  nextWord: NextWord,
  settings: BeamSettings = beamDefaults,
): Promise<Sentence[]> {
  let live: Hypothesis[] = [{ ids: [wordIds.begin], logProbability: 0, ended: false }];
  const ended: Hypothesis[] = [];
  for (let length = 0; length < settings.maxWords && live.length > 0; length++) {
    const logits = await nextWord(live.map(({ ids }) => ids));
    const grown = live
      .flatMap((hypothesis, index) => grow(hypothesis, logits[index] ?? new Float32Array(), settings.beams))
      .sort((a, b) => b.logProbability - a.logProbability)
      .slice(0, settings.beams - ended.length);
    ended.push(...grown.filter((hypothesis) => hypothesis.ended));
    live = grown.filter((hypothesis) => !hypothesis.ended);
  }
  return [...ended, ...live]
    .map(({ ids, logProbability, ended: complete }) => {
      const scored = ids.length - 1;
      const words = complete ? ids.slice(1, -1) : ids.slice(1);
      return { ids: words, score: logProbability / Math.max(1, scored) ** settings.lengthPenalty };
    })
    .sort((a, b) => b.score - a.score);
}

function grow(hypothesis: Hypothesis, logits: Float32Array, count: number): Hypothesis[] {
  const previous = hypothesis.ids.at(-1);
  const peak = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - peak), 0)) + peak;
  const best: { id: number; value: number }[] = [];
  for (const [id, value] of logits.entries()) {
    const banned = id === wordIds.padding || id === wordIds.begin || id === wordIds.unknown;
    if (banned || id === previous || Number.isNaN(value)) continue;
    if (best.length === count && value <= (best.at(-1)?.value ?? -Infinity)) continue;
    best.push({ id, value });
    best.sort((a, b) => b.value - a.value);
    best.length = Math.min(best.length, count);
  }
  return best.map(({ id, value }) => ({
    ids: [...hypothesis.ids, id],
    logProbability: hypothesis.logProbability + value - total,
    ended: id === wordIds.end,
  }));
}
