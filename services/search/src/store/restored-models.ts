import type { Kysely } from "kysely";
import { halvesFrom, halvesOf } from "../vectors/half-floats.ts";
import { createGraph, createModelTables, findCapability, vectorFrom } from "./vector-storage.ts";
import { type VectorStorage, vectorTableNames } from "./vector-tables.ts";

/** A model whose vectors are about to be restored, as the store had it that they come from. */
export interface ModelToRestore {
  number: number;
  dimension: number;
  storage: VectorStorage;
}

/** How this database keeps the vectors of restored models. */
export interface RestoredModels {
  storage: VectorStorage;
  /** As text: `true` or `false`. */
  hasGraph: string;
  /** Turns the text of a vector of a table into what its column takes here; undefined where it stays, or has none. */
  converter(table: string): ((vector: string) => string) | undefined;
  /** Builds indexes once the vectors are in: at once it is better than row by row, and far sooner. */
  finish(): Promise<void>;
}

/** Makes the tables of models in a store without any, as this database can keep vectors. */
export async function restoreModels(
  trx: Kysely<unknown>,
  models: readonly ModelToRestore[],
): Promise<RestoredModels> {
  const { storage, hasGraph } = await findCapability(trx);
  for (const { number, dimension } of models)
    await createModelTables(trx, { number, dimension, storage, hasGraph: false });
  const byTable = new Map(models.map((model) => [vectorTableNames(model.number).vectors, model]));
  return {
    storage,
    hasGraph: String(hasGraph),
    converter(table) {
      const model = byTable.get(table);
      if (!model || model.storage === storage) return undefined;
      return (text) => convert(text, storage);
    },
    async finish() {
      if (hasGraph) for (const { number } of models) await createGraph(trx, number);
    },
  };
}

/** The same 16-bit floats in the other form: `[0.5,…]` for pgvector, hexadecimal digits for bytes. */
function convert(text: string, storage: VectorStorage): string {
  if (storage === "bytes") return `\\x${halvesOf(vectorFrom(text)).toString("hex")}`;
  return `[${halvesFrom(Buffer.from(text.replace(/^\\x/, ""), "hex")).join(",")}]`;
}
