import { detached } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { StoredModel } from "../store/index-models.ts";
import type { SearchTables } from "../store/tables.ts";
import { readCodes } from "../store/vector-search.ts";
import { type PackedCodes, strideOf } from "./codes.ts";

/** Settings of {@link CodeCache}. */
export interface CodeCacheOptions {
  db: Kysely<SearchTables>;
  /** Most bytes kept of all owners together; 0 keeps nothing. */
  maxBytes: number;
}

/** Whose codes of what, as the database says it is now. */
export interface CodesWanted {
  model: StoredModel;
  ownerId: string;
  /** Photos with a code. */
  photos: number;
  /** Newest saving. */
  revision: number;
}

interface Entry {
  bytes: Uint8Array;
  count: number;
  revision: number;
  /** The refresh under way; others wait for it. */
  loading: Promise<void> | undefined;
}

// Rows per statement: 64 bytes each make 1.3 MB, 15 ms of the embedded database's only session.
const pageRows = 20_000;
// Codes of deleted or saved-again photos only waste time, until there are this many of them to one of use.
const maxWaste = 0.25;

/**
 * The codes of the owners who search, in this process: 64 bytes per photo of 384 values, in which the candidates among
 * 100,000 photos are found in a fifth of the time that the database needs. It is a copy that follows the store by the
 * owner's revision before every use, so that replicas agree; what was deleted is found out when the candidates are
 * measured. Bounded by bytes; whoever searched longest ago goes first.
 */
export class CodeCache {
  readonly #options: CodeCacheOptions;
  /** In order of use. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: CodeCacheOptions) {
    this.#options = options;
  }

  /** Bytes kept. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#entries.values()) sum += bytes.length;
    return sum;
  }

  /** The owner's codes as of the revision or later; undefined when they are too many to be kept. */
  async of(wanted: CodesWanted): Promise<PackedCodes | undefined> {
    const { model, ownerId, photos, revision } = wanted;
    const key = `${model.number} ${ownerId}`;
    const { dimension } = model;
    if (photos * strideOf(dimension) > this.#options.maxBytes) {
      this.#entries.delete(key);
      return undefined;
    }
    const entry = this.#touch(key, photos);
    while (entry.revision < revision) {
      entry.loading ??= detached(() => this.#refresh(entry, wanted)).finally(() => {
        entry.loading = undefined;
      });
      await entry.loading;
    }
    this.#makeRoom(key);
    return { bytes: entry.bytes, count: entry.count, dimension };
  }

  #touch(key: string, photos: number): Entry {
    const known = this.#entries.get(key);
    this.#entries.delete(key);
    const wasteful = known && !known.loading && known.count * (1 - maxWaste) > photos + 100;
    const entry =
      known && !wasteful ? known : { bytes: new Uint8Array(), count: 0, revision: 0, loading: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  async #refresh(entry: Entry, { model, ownerId, photos, revision }: CodesWanted): Promise<void> {
    const stride = strideOf(model.dimension);
    while (entry.revision < revision) {
      const page = await readCodes(this.#options.db, { model, ownerId }, entry.revision, pageRows);
      // The newest saving may have been deleted since.
      if (!page) {
        entry.revision = Math.max(entry.revision, revision);
        return;
      }
      append(entry, page.bytes, stride, photos);
      entry.revision = page.revision;
    }
  }

  #makeRoom(inUse: string): void {
    for (const key of this.#entries.keys()) {
      if (this.bytes <= this.#options.maxBytes) return;
      if (key !== inUse) this.#entries.delete(key);
    }
  }
}

/** Adds codes. A list that a search has in hand is never written to within its length. */
function append(entry: Entry, added: Uint8Array, stride: number, photos: number): void {
  const used = entry.count * stride;
  if (used + added.length > entry.bytes.length) {
    // A little more than is asked for now: the next photo must not copy them all.
    const grown = new Uint8Array(Math.max(photos * stride, used + added.length) + 256 * stride);
    grown.set(entry.bytes.subarray(0, used));
    entry.bytes = grown;
  }
  entry.bytes.set(added, used);
  entry.count += added.length / stride;
}
