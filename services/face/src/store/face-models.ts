import { type Kysely, sql, type Transaction } from "kysely";
import { createPartition, dropPartition, lockModels } from "./partitions.ts";
import type { FaceTables } from "./tables.ts";

type Trx = Transaction<FaceTables>;

/** A model whose embeddings are stored. */
export interface EmbeddingModel {
  model: string;
  /** Values of an embedding. */
  dimension: number;
}

/** A pass over all photos, as far as it has come. */
export interface FillPass {
  /** The last photo that was looked at; null before the first. */
  cursor: string | null;
  facesFilled: number;
  photosSkipped: number;
}

/** The model that assigns and answers; undefined before the first one was registered. */
export async function findActiveModel(db: Kysely<FaceTables>): Promise<EmbeddingModel | undefined> {
  return db
    .selectFrom("face_models")
    .select(["model", "dimension"])
    .where("state", "=", "ACTIVE")
    .executeTakeFirst();
}

/**
 * Makes sure that embeddings of a model have a place. The very first model is active at once; others are filled before.
 * A model that is active already is filled again, too, which finds nothing to do unless something is missing.
 */
export async function registerModel(
  db: Kysely<FaceTables>,
  { model, dimension }: EmbeddingModel,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const rows = await trx.selectFrom("face_models").select(["model", "state"]).execute();
    const known = rows.find((row) => row.model === model);
    if (known) return reopen(trx, model, known.state);
    await createPartition(trx, model);
    const state = rows.some((row) => row.state === "ACTIVE") ? "FILLING" : "ACTIVE";
    await trx.insertInto("face_models").values({ model, dimension, state }).execute();
  });
}

async function reopen(trx: Trx, model: string, state: "FILLING" | "ACTIVE" | "RETIRED"): Promise<void> {
  // What is being filled goes on where it was left.
  if (state === "FILLING") return;
  await trx
    .updateTable("face_models")
    .set({ cursor: null, filled: false, faces_filled: 0, photos_skipped: 0, retired_at: null })
    .$if(state === "RETIRED", (update) => update.set({ state: "FILLING" }))
    .where("model", "=", model)
    .execute();
}

/** What tells replicas apart that fill the same model. */
export interface FillLease {
  model: string;
  /** UUID of the replica. */
  owner: string;
  /** How long others wait for a replica that says nothing more. */
  leaseMs: number;
}

/** Takes or renews the turn to fill a model; undefined when another has it, or there is nothing to fill. */
export async function holdPass(
  db: Kysely<FaceTables>,
  { model, owner, leaseMs }: FillLease,
): Promise<FillPass | undefined> {
  const row = await db
    .updateTable("face_models")
    .set({ lease_owner: owner, lease_until: sql<Date>`now() + ${leaseMs} * interval '1 millisecond'` })
    .where("model", "=", model)
    .where("filled", "=", false)
    .where(({ or, eb }) =>
      or([
        eb("lease_owner", "is", null),
        eb("lease_owner", "=", owner),
        eb("lease_until", "<", sql<Date>`now()`),
      ]),
    )
    .returning(["cursor", "faces_filled", "photos_skipped"])
    .executeTakeFirst();
  return row && { cursor: row.cursor, facesFilled: row.faces_filled, photosSkipped: row.photos_skipped };
}

/** Gives the turn back. */
export async function releasePass(db: Kysely<FaceTables>, { model, owner }: FillLease): Promise<void> {
  await db
    .updateTable("face_models")
    .set({ lease_owner: null, lease_until: null })
    .where("model", "=", model)
    .where("lease_owner", "=", owner)
    .execute();
}

/** Notes that a photo was looked at. Whoever has lost the turn notes nothing: another is ahead or behind. */
export async function advancePass(
  db: Kysely<FaceTables>,
  { model, owner }: FillLease,
  step: { photoId: string; faces: number; skipped: boolean },
): Promise<void> {
  await db
    .updateTable("face_models")
    .set((eb) => ({
      cursor: step.photoId,
      faces_filled: eb("faces_filled", "+", step.faces),
      photos_skipped: eb("photos_skipped", "+", step.skipped ? 1 : 0),
    }))
    .where("model", "=", model)
    .where("lease_owner", "=", owner)
    .execute();
}

/** How a pass ended: another is due, the model is complete, or it has taken over from the active one. */
export type PassEnd = "again" | "complete" | "activated";

/**
 * Ends a pass that has come to the last photo. What arrived meanwhile is found by a further one; after one that found
 * nothing the model is complete, and takes over.
 */
export async function finishPass(db: Kysely<FaceTables>, { model, owner }: FillLease): Promise<PassEnd> {
  return db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const row = await trx
      .selectFrom("face_models")
      .select(["state", "faces_filled"])
      .where("model", "=", model)
      .where("lease_owner", "=", owner)
      .forUpdate()
      .executeTakeFirst();
    if (!row || row.faces_filled > 0) {
      await restartPass(trx, model, owner);
      return "again";
    }
    await trx
      .updateTable("face_models")
      .set({ filled: true, lease_owner: null, lease_until: null })
      .where("model", "=", model)
      .execute();
    if (row.state !== "FILLING") return "complete";
    await activate(trx, model);
    return "activated";
  });
}

async function restartPass(trx: Trx, model: string, owner: string): Promise<void> {
  await trx
    .updateTable("face_models")
    .set({ cursor: null, faces_filled: 0, photos_skipped: 0 })
    .where("model", "=", model)
    .where("lease_owner", "=", owner)
    .execute();
}

/** Assignments and decisions stay, by face; faces that are nobody's are looked at again. */
async function activate(trx: Trx, model: string): Promise<void> {
  await trx
    .updateTable("face_models")
    .set({ state: "RETIRED", retired_at: sql<Date>`now()` })
    .where("state", "=", "ACTIVE")
    .execute();
  await trx.updateTable("face_models").set({ state: "ACTIVE" }).where("model", "=", model).execute();
  await trx
    .updateTable("face_owners")
    .set({
      regroup_requested_at: sql<Date>`now()`,
      regroup_finished_at: null,
      // From the beginning: what was seen so far was seen with another model.
      regroup_phase: null,
      regroup_cursor: null,
      // Whoever is at it does not note how far it came.
      regroup_lease_owner: null,
      regroup_lease_until: null,
      faces_seen: 0,
      faces_assigned: 0,
      people_made: 0,
    })
    .where("enabled", "=", true)
    .execute();
}

/** Drops what models made that retired longer ago than this. Answers their names. */
export async function dropRetiredModels(db: Kysely<FaceTables>, keepMs: number): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const rows = await trx
      .deleteFrom("face_models")
      .where("state", "=", "RETIRED")
      .where("retired_at", "<=", sql<Date>`now() - ${keepMs} * interval '1 millisecond'`)
      .returning("model")
      .execute();
    for (const { model } of rows) await dropPartition(trx, model);
    return rows.map(({ model }) => model);
  });
}
