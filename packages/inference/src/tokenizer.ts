import { z } from "zod";
import { InputInvalid } from "./errors.ts";

/** Longest text taken, in characters: far above any caption or query, and it bounds the work. */
export const MAX_TEXT_LENGTH = 2_000;

/** The first entries of the vocabulary are control symbols that never stand for text. */
const RESERVED_PIECES = 6;
const UNKNOWN_ID = 0;
const WORD_START = "▁";
// Seven pieces (all with a colon) lost their score upstream; cleaned text has no colon, so they are left out.
const vocabularySchema = z.array(z.tuple([z.string(), z.number().nullable()])).min(RESERVED_PIECES + 1);

/** What a text became: cleaned words and the piece ids the sentence encoder reads. */
export interface TokenizedText {
  cleaned: string;
  ids: number[];
}

/** Turns text into ids of unigram pieces (SentencePiece, Viterbi), as Universal Sentence Encoder lite expects. */
export class Tokenizer {
  readonly #pieces = new Map<string, { id: number; score: number }>();
  readonly #longest: number;
  readonly #unknownScore: number;

  /** `vocabulary`: the JSON of [piece, log probability] pairs in id order. Throws when it is not that. */
  constructor(vocabulary: string) {
    const entries = vocabularySchema.parse(JSON.parse(vocabulary));
    for (const [id, [piece, score]] of entries.entries()) {
      if (id >= RESERVED_PIECES && score !== null) this.#pieces.set(piece, { id, score });
    }
    const pieces = [...this.#pieces.keys()];
    this.#longest = Math.max(...pieces.map((piece) => piece.length));
    // Worse than any real piece, so that an unknown character is only ever the last resort.
    this.#unknownScore = Math.min(...entries.map(([, score]) => score ?? 0)) - 10;
  }

  /** Cleans and tokenizes; `ids` is empty when no word is left. Throws InputInvalid for a text that is too long. */
  tokenize(text: string): TokenizedText {
    const cleaned = cleanText(text);
    const ids = cleaned === "" ? [] : this.split(cleaned).map(({ id }) => id);
    return { cleaned, ids };
  }

  /** The most probable sequence of pieces of a cleaned text. */
  split(cleaned: string): { piece: string; id: number }[] {
    const text = WORD_START + cleaned.normalize("NFKC").replaceAll(" ", WORD_START);
    const best: ({ score: number; from: number; id: number } | undefined)[] = [{ score: 0, from: 0, id: 0 }];
    for (let start = 0; start < text.length; start++) {
      const base = best[start];
      if (base === undefined) continue;
      const longest = Math.min(this.#longest, text.length - start);
      for (let length = 1; length <= longest; length++) {
        const known = this.#pieces.get(text.slice(start, start + length));
        if (known === undefined && length > 1) continue;
        const { id, score } = known ?? { id: UNKNOWN_ID, score: this.#unknownScore };
        const end = start + length;
        const rival = best[end];
        if (rival === undefined || base.score + score > rival.score) {
          best[end] = { score: base.score + score, from: start, id };
        }
      }
    }
    return trace(text, best);
  }

  /**
   * Words of a text that the vocabulary knows only letter by letter ("xqzvk"): the encoder has no notion of them, so
   * a search should refuse them rather than show whatever lies near. Words of up to three letters always
   * pass: real ones (axe, dj, bmx) are spelt out too.
   * It is a cautious test: typed noise with a common pair of letters ("asdfgh") passes, because a stricter rule would
   * refuse real words that are spelt from pairs (kayak, ukulele); so a search still needs a score cut of its own.
   */
  unknownWords(text: string): string[] {
    return cleanText(text)
      .split(" ")
      .filter((word) => word !== "" && this.#isUnknown(word));
  }

  #isUnknown(word: string): boolean {
    const pieces = this.split(word).map(({ piece }) => piece.replace(WORD_START, ""));
    return word.length > 3 && pieces.every((piece) => piece.length <= 1);
  }
}

function trace(
  text: string,
  best: ({ score: number; from: number; id: number } | undefined)[],
): { piece: string; id: number }[] {
  const pieces: { piece: string; id: number }[] = [];
  for (let end = text.length; end > 0; ) {
    const step = best[end];
    if (step === undefined) break;
    pieces.push({ piece: text.slice(step.from, end), id: step.id });
    end = step.from;
  }
  return pieces.reverse();
}

/**
 * The only form of text the models were trained on: lower case, a-z and apostrophe, single spaces.
 * Accents are dropped from their letters first ("café" is "cafe"). Throws InputInvalid when too long.
 */
export function cleanText(text: string): string {
  if (text.length > MAX_TEXT_LENGTH) {
    throw new InputInvalid(`the text has ${text.length} characters; at most ${MAX_TEXT_LENGTH} are accepted`);
  }
  return text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[’‘]/g, "'")
    .replace(/[^a-z']+/g, " ")
    .trim();
}
