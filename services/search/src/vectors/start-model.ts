import type { ServiceHost } from "@ocelli/chassis";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { beginFilling, listModels, lockModels, pointTo, registerModel } from "../store/index-models.ts";
import type { SearchTables } from "../store/tables.ts";
import { dimensionOf, modelKey, modelOfKey } from "./joint-model.ts";

/** What {@link startModel} needs. */
export interface StartModelOptions {
  db: Kysely<SearchTables>;
  engine: Engine;
  log: ServiceHost<SearchTables>["log"];
}

/**
 * Sees to it at the start that a model answers, and that what photos lack is filled in: an index of an earlier version
 * has no marks that tell duplicates. An empty index begins with the manifest's own model. That one also takes the place of
 * an active model that the manifest has no more, which cannot turn a search into a vector: not before it is filled, since
 * until then photos are still compared with one another by the vectors that are there.
 */
export async function startModel({ db, engine, log }: StartModelOptions): Promise<void> {
  const own = engine.model("vision");
  const active = (await listModels(db)).find((each) => each.active);
  if (active && modelOfKey(engine, active.model)) return beginFilling(db, active.number);
  const { number, model } = await registerModel(db, modelKey(own), dimensionOf(own));
  await db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const now = (await listModels(trx)).find((each) => each.active);
    // Another replica may have been first.
    if (now?.number !== active?.number) return;
    if (active) log.warn({ missing: active.model, model }, "the active model is gone, another one is filled");
    else await pointTo(trx, number);
    await beginFilling(trx, number);
  });
}
