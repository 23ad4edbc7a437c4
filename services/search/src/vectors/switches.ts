import { AppError, unavailable } from "@ocelli/chassis";
import type { Vectors } from "../vectors.ts";

// What Postgres says of a table that is not there.
const undefinedTable = "42P01";

/** Of a model whose vectors were dropped. */
export function modelGone(key: string): AppError {
  return unavailable("MODEL_NOT_FOUND", `The index has no vectors of ${key}.`);
}

/** True of the error of a model whose vectors were dropped, or that the manifest has no more. */
export function isModelGone(error: unknown): boolean {
  if (error instanceof Error && "code" in error && error.code === undefinedTable) return true;
  return AppError.from(error).reason === "MODEL_NOT_FOUND";
}

/**
 * Embeds something and looks for its neighbours; once more from the beginning where the model was dropped in between, of
 * which this replica may not have heard yet.
 */
export async function acrossSwitches<T>(
  vectors: Pick<Vectors, "follow">,
  find: () => Promise<T>,
): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (!isModelGone(error)) throw error;
    await vectors.follow();
    return find();
  }
}
