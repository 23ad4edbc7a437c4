/**
 * Shares one computation among concurrent callers of a key and keeps recent results while they fit in `maxBytes`
 * (and `maxEntries`). Failures are never kept: the next caller tries again.
 */
export class SharedCache {
  readonly #maxBytes: number;
  readonly #maxEntries: number;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #kept = new Map<string, { value: unknown; bytes: number }>();
  #bytes = 0;

  constructor(limits: { maxBytes: number; maxEntries: number }) {
    this.#maxBytes = limits.maxBytes;
    this.#maxEntries = limits.maxEntries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get<T>(key: string, compute: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      // A key names one kind of value by contract (keys carry a prefix), so the type is that of the first caller.
      return Promise.resolve(kept.value as T);
    }
    const running = this.#running.get(key);
    if (running !== undefined) return running as Promise<T>; // same contract
    const started = Promise.resolve()
      .then(compute)
      .then((value) => {
        this.#keep(key, value);
        return value;
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  #keep(key: string, value: unknown): void {
    const bytes = estimateBytes(value);
    if (bytes > this.#maxBytes) return;
    this.#kept.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const [oldKey, old] of this.#kept) {
      if (this.#bytes <= this.#maxBytes && this.#kept.size <= this.#maxEntries) break;
      this.#kept.delete(oldKey);
      this.#bytes -= old.bytes;
    }
  }
}

/** Rough bytes of a result: exact for typed arrays and text, a small flat charge for everything else. */
export function estimateBytes(value: unknown, depth = 0): number {
  if (typeof value === "string") return 2 * value.length + 16;
  if (ArrayBuffer.isView(value)) return value.byteLength + 64;
  if (typeof value !== "object" || value === null || depth > 6) return 16;
  return Object.values(value).reduce((sum: number, part) => sum + estimateBytes(part, depth + 1), 64);
}
