import { cleanText, loadTokenizer } from "@ocelli/inference";
import type { Searcher } from "../searcher.ts";
import { findKnownWords, findSimilarWords } from "../store/lexicon.ts";
import type { Term } from "./query.ts";
import { allowedEdits, closest } from "./spelling.ts";
import type { UnderstandingDependencies } from "./understanding.ts";

/** A term as it is looked for. */
export interface SpelledTerm extends Term {
  /** As it was typed; the same as `text` unless it was mended. */
  typed: string;
}

/** Words mended per query: each asks the store once. */
const mostMended = 4;

/**
 * Mends words that neither the owner's photos nor the language model knows, where the photos know one like it. A real
 * word that is merely absent ("goat" in a library with a boat) stays: it is looked for, and not found.
 */
export async function correctSpelling(
  { db, engine }: UnderstandingDependencies,
  searcher: Searcher,
  terms: readonly Term[],
): Promise<SpelledTerm[]> {
  const spelled = terms.map((term) => ({ ...term, typed: term.text }));
  const tokenizer = await loadTokenizer(engine);
  const isRare = (word: string) => tokenizer.split(cleanText(word)).length > 1;
  const doubtful = spelled.filter(
    ({ text, phrase }) =>
      !phrase && /^\p{L}+$/u.test(text) && allowedEdits(text) > 0 && text.length <= 30 && isRare(text),
  );
  if (doubtful.length === 0) return spelled;
  const forms = doubtful.flatMap(({ text }) => formsOf(text.toLowerCase()));
  const known = await findKnownWords(db, searcher, forms);
  const unknown = doubtful.filter(({ text }) => !formsOf(text.toLowerCase()).some((form) => known.has(form)));
  for (const term of unknown.slice(0, mostMended)) {
    const word = term.text.toLowerCase();
    const similar = await findSimilarWords(db, searcher, word);
    const unfinished = term.typing && similar.some((each) => each.startsWith(word));
    const mended = unfinished ? undefined : closest(word, similar);
    if (mended) term.text = mended;
  }
  return spelled;
}

/** A word and what it may be a plural of. */
function formsOf(word: string): string[] {
  return [word, word.replace(/s$/, ""), word.replace(/es$/, ""), word.replace(/ies$/, "y")];
}
