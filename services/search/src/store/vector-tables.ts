import type { Generated } from "kysely";

/**
 * How the exact vectors of a model are stored: pgvector's `halfvec`, or 16-bit floats in a `bytea` where the server has
 * no pgvector.
 */
export type VectorStorage = "halfvec" | "bytes";

/** Tables of the vectors. Beside them every model has two of its own: see {@link vectorTableNames}. */
export interface VectorTables {
  /** Models with vectors; the active one answers. */
  index_models: {
    /** Part of the names of the model's tables. */
    number: Generated<number>;
    /** Id and version. */
    model: string;
    /** Values per vector. */
    dimension: number;
    storage: VectorStorage;
    /** True where the vectors have an HNSW index. */
    has_graph: boolean;
    /** True of one row at most: the pointer that every replica follows. */
    active: Generated<boolean>;
    /** True while photos that lack a vector get one in the background. */
    filling: Generated<boolean>;
    /** Replica that fills, until its lease ends. */
    filler: string | null;
    filler_until: Date | null;
  };
  /** How many photos of an owner have vectors of a model. */
  vector_owners: {
    model_number: number;
    owner_id: string;
    photos: number;
    /** Counts what was saved; its row lock puts the savings of one owner in the order of their commits. */
    revision: number;
  };
  /** Photos that a model could not be filled with. */
  vector_failures: {
    model_number: number;
    photo_id: string;
    owner_id: string;
    /** Reason of the error. */
    reason: string;
  };
}

/** Names of a model's own tables, without the schema. */
export interface VectorTableNames {
  /** (photo_id, owner_id, sha256, withheld, vector): exact, unit length. */
  vectors: string;
  /** (photo_id, owner_id, revision, code): one bit per value, the narrowest thing that tells near from far. */
  codes: string;
}

/** The tables of a model, which make filling it, following it and dropping it whole independent of every other. */
export function vectorTableNames(number: number): VectorTableNames {
  if (!Number.isSafeInteger(number) || number < 1) throw new RangeError(`${number} numbers no model`);
  return { vectors: `vectors_${number}`, codes: `vector_codes_${number}` };
}
