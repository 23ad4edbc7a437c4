import type { ServiceHost } from "@ocelli/chassis";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { listModels, lockModels, pointTo, registerModel, setFilling } from "../store/index-models.ts";
import type { SearchTables } from "../store/tables.ts";
import { dimensionOf, modelKey, modelOfKey } from "./joint-model.ts";

/** What {@link startModel} needs. */
export interface StartModelOptions {
  db: Kysely<SearchTables>;
  engine: Engine;
  log: ServiceHost<SearchTables>["log"];
}

/**
 * Sees to it at the start that a model answers which can be run. An empty index begins with the manifest's own. An
 * active model that the manifest has no more cannot turn a search into a vector: the manifest's own takes over at once
 * and is filled while it answers. Searches by words go on meanwhile.
 */
export async function startModel({ db, engine, log }: StartModelOptions): Promise<void> {
  const own = engine.model("vision");
  const active = (await listModels(db)).find((each) => each.active);
  if (active && modelOfKey(engine, active.model)) return;
  const { number, model } = await registerModel(db, modelKey(own), dimensionOf(own));
  await db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const now = (await listModels(trx)).find((each) => each.active);
    // Another replica may have been first.
    if (now?.number !== active?.number) return;
    await pointTo(trx, number);
    await setFilling(trx, number, active !== undefined);
    if (active) log.warn({ missing: active.model, model }, "the active model is gone, another takes over");
  });
}
