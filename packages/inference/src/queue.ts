/** What the queue needs to know of an entry. */
export interface Queued {
  modelId: string;
  /** Entries with equal keys may share a batch; null: this entry runs alone. */
  batchKey: string | null;
  /** Largest batch this entry may head. */
  maxBatch: number;
}

/**
 * Bounded waiting room with one short line per model, served in turn, so that the backlog of one model (a thousand
 * text crops) never starves another (the search box).
 */
export class FairQueue<T extends Queued> {
  readonly #limit: number;
  readonly #lines = new Map<string, T[]>();

  /** `limit`: entries that may wait per model. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  depth(modelId: string): number {
    return this.#lines.get(modelId)?.length ?? 0;
  }

  get size(): number {
    return [...this.#lines.values()].reduce((sum, line) => sum + line.length, 0);
  }

  /** False when the model's line is full; the entry is then not taken. */
  push(entry: T): boolean {
    const line = this.#lines.get(entry.modelId) ?? [];
    if (line.length >= this.#limit) return false;
    line.push(entry);
    this.#lines.set(entry.modelId, line);
    return true;
  }

  /** The oldest entry of the model whose turn it is, with others that may share its batch. */
  takeBatch(): T[] {
    const next = this.#lines.entries().next();
    if (next.done === true) return [];
    const [modelId, line] = next.value;
    const [head] = line;
    if (head === undefined) return [];
    const batch: T[] = [];
    const rest: T[] = [];
    const limit = head.batchKey === null ? 1 : head.maxBatch;
    for (const entry of line) {
      const joins = entry === head || (batch.length < limit && entry.batchKey === head.batchKey);
      (joins ? batch : rest).push(entry);
    }
    // Deleting and setting again moves the model to the end of the round.
    this.#lines.delete(modelId);
    if (rest.length > 0) this.#lines.set(modelId, rest);
    return batch;
  }

  /** Takes one entry out; false when it no longer waits. */
  remove(entry: T): boolean {
    const line = this.#lines.get(entry.modelId);
    const at = line?.indexOf(entry) ?? -1;
    if (line === undefined || at < 0) return false;
    line.splice(at, 1);
    if (line.length === 0) this.#lines.delete(entry.modelId);
    return true;
  }

  /** Empties the queue and returns what waited. */
  drain(): T[] {
    const all = [...this.#lines.values()].flat();
    this.#lines.clear();
    return all;
  }
}
