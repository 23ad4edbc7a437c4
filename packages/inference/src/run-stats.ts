interface Sum {
  items: number;
  ms: number;
  /** Exponentially weighted milliseconds per item, for estimates of the near future. */
  recentMs: number;
}

/** Running times per model: the mean of all runs for people, a recent mean for estimating waits. */
export class RunStats {
  readonly #sums = new Map<string, Sum>();

  add(modelId: string, runMs: number, items: number): void {
    const perItem = runMs / items;
    const sum = this.#sums.get(modelId) ?? { items: 0, ms: 0, recentMs: perItem };
    sum.items += items;
    sum.ms += runMs;
    sum.recentMs += (perItem - sum.recentMs) / 8;
    this.#sums.set(modelId, sum);
  }

  /** Mean milliseconds per item; null before the first run. */
  meanMs(modelId: string): number | null {
    const sum = this.#sums.get(modelId);
    return sum === undefined ? null : sum.ms / sum.items;
  }

  /** When half of `waiting` entries should be through: 100 ms to 30 s, 500 ms when nothing ran yet. */
  estimateMs(modelId: string, waiting: number, workers: number): number {
    const perItem = this.#sums.get(modelId)?.recentMs;
    if (perItem === undefined) return 500;
    return Math.round(Math.min(30_000, Math.max(100, (perItem * waiting) / (2 * workers))));
  }
}
