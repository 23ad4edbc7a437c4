/** How well texts find their pictures. */
export interface RetrievalQuality {
  /** Texts judged. */
  queries: number;
  /** Share of texts whose picture is among the first K, by K. */
  recall: Record<1 | 5 | 10, number>;
  /** Mean of 1 / rank of the text's picture (Voorhees 1999, TREC-8 question answering). */
  meanReciprocalRank: number;
}

/**
 * Rank of the right picture for a text: 1 when no other agrees better. Ties count against it, so that a model which
 * says the same of everything gets no credit.
 */
export function rankOf(scores: readonly number[], right: number): number {
  const score = scores[right] ?? Number.NEGATIVE_INFINITY;
  return scores.filter((other, index) => index !== right && other >= score).length + 1;
}

/** Sums up ranks, which start at 1. */
export function judgeRanks(ranks: readonly number[]): RetrievalQuality {
  const share = (most: number) => mean(ranks.map((rank) => (rank <= most ? 1 : 0)));
  return {
    queries: ranks.length,
    recall: { 1: share(1), 5: share(5), 10: share(10) },
    meanReciprocalRank: mean(ranks.map((rank) => 1 / rank)),
  };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
