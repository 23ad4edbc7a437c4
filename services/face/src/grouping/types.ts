import type { Transaction } from "kysely";
import type { FaceTables } from "../store/tables.ts";

/** What grouping changed, to be told to the other services. */
export interface GroupingChange {
  /** Photos with other persons on them than before. */
  photoIds: string[];
  /** Persons that were made, changed or dissolved. */
  personIds: string[];
}

/** Finds out whose faces are whose. Never touches what a human said. */
export interface Grouping {
  /**
   * Reads what {@link assignPhoto} compares with, outside a transaction: the first time of an owner with many faces
   * takes seconds, for which nobody else should wait. Safe to leave out.
   */
  prepare(ownerId: string): Promise<void>;
  /**
   * Gives persons to those faces of a photo that are nobody's and of which no human has spoken. The transaction has
   * begun with `beginChange` of the owner; it is the caller who tells of the change.
   */
  assignPhoto(
    trx: Transaction<FaceTables>,
    photo: { ownerId: string; photoId: string },
  ): Promise<GroupingChange>;
}

/** A face as grouping compares it. */
export interface GroupedFace {
  id: string;
  photoId: string;
  /** Trust in the embedding, 0..1, see model/quality.ts. */
  quality: number;
  /** As many values as the model's dimension, compared by Euclidean distance. */
  vector: Float32Array;
}
