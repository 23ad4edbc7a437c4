import { detached } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { findGroupedRevision, listChangedFaces } from "../store/grouping-faces.ts";
import type { FaceTables } from "../store/tables.ts";
import type { FaceCalibration } from "./calibration.ts";
import { applyChanges, readChanges } from "./index-changes.ts";
import { loadIndex } from "./index-load.ts";
import type { OwnerIndex } from "./owner-index.ts";

type Store = Kysely<FaceTables>;

/** What {@link createOwnerIndexes} stands on. */
export interface OwnerIndexesOptions {
  model: string;
  calibration: FaceCalibration;
  /** Memory for all owners together; the one used last stays whatever its size. */
  maxBytes: number;
}

/** Indexes of the owners who were active lately, each as new as its database. */
export interface OwnerIndexes {
  /** Bytes taken, about. */
  readonly bytes: number;
  /**
   * The index as it was before the change under way, whose transaction has begun with `beginChange`; undefined when the
   * owner's faces are not to be grouped.
   */
  before(trx: Store, ownerId: string): Promise<OwnerIndex | undefined>;
  /** The index as it is now, outside a transaction; undefined when there is none. */
  current(db: Store, ownerId: string): Promise<OwnerIndex | undefined>;
}

/** Changes that an index is brought forward by at most; beyond that it is read anew. Deletions are kept as long. */
export const followedRevisions = 10_000;

/** Creates an empty cache. */
export function createOwnerIndexes({ model, calibration, maxBytes }: OwnerIndexesOptions): OwnerIndexes {
  const indexes = new Map<string, OwnerIndex>();
  /** Loads outside transactions, which wait for each other; those inside do not: they hold what others wait for. */
  const loading = new Map<string, Promise<OwnerIndex>>();

  function total(): number {
    let bytes = 0;
    for (const index of indexes.values()) bytes += index.bytes;
    return bytes;
  }

  function keep(ownerId: string, index: OwnerIndex): OwnerIndex {
    indexes.delete(ownerId);
    indexes.set(ownerId, index);
    for (const oldest of indexes.keys()) {
      if (indexes.size === 1 || total() <= maxBytes) break;
      indexes.delete(oldest);
    }
    return index;
  }

  const load = (db: Store, ownerId: string, revision: number) =>
    loadIndex(db, { ownerId, model, calibration, revision, maxBytes });

  /** Nobody waits for anybody here: whoever finds that another was faster looks again. */
  async function bringForward(db: Store, ownerId: string, to: number, own?: number) {
    for (;;) {
      const index = indexes.get(ownerId);
      if (!index || to - index.revision > followedRevisions) return undefined;
      if (index.revision >= to && index.suspects.size === 0) return keep(ownerId, index);
      const { epoch } = index;
      const changes = await readChanges(db, { ownerId, model, index, to, own });
      if (index.epoch !== epoch || indexes.get(ownerId) !== index) continue;
      applyChanges(index, changes, calibration);
      return keep(ownerId, index);
    }
  }

  async function loadOnce(db: Store, ownerId: string, revision: number): Promise<OwnerIndex> {
    const underWay = loading.get(ownerId);
    if (underWay) return underWay;
    const started = detached(() => load(db, ownerId, revision)).finally(() => loading.delete(ownerId));
    loading.set(ownerId, started);
    return started;
  }

  return {
    get bytes() {
      return total();
    },

    async before(trx, ownerId) {
      const own = await findGroupedRevision(trx, { ownerId, model });
      if (own === undefined) {
        indexes.delete(ownerId);
        return undefined;
      }
      const known = await bringForward(trx, ownerId, own - 1, own);
      if (known) return known;
      const index = await load(trx, ownerId, own - 1);
      for (const { id } of await listChangedFaces(trx, { ownerId, model }, own - 1, []))
        index.suspects.add(id);
      return keep(ownerId, index);
    },

    async current(db, ownerId) {
      const revision = await findGroupedRevision(db, { ownerId, model });
      if (revision === undefined) {
        indexes.delete(ownerId);
        return undefined;
      }
      const known = await bringForward(db, ownerId, revision);
      if (known) return known;
      const index = await loadOnce(db, ownerId, revision);
      if (!indexes.has(ownerId) || (indexes.get(ownerId)?.revision ?? 0) < index.revision)
        keep(ownerId, index);
      // What changed while it was read.
      const now = await findGroupedRevision(db, { ownerId, model });
      return now === undefined ? undefined : ((await bringForward(db, ownerId, now)) ?? index);
    },
  };
}
