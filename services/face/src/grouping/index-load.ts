import { setImmediate as turn } from "node:timers/promises";
import type { Kysely } from "kysely";
import { listExemplars, listLooseFaces, listPersonIds } from "../store/grouping-faces.ts";
import type { FaceTables } from "../store/tables.ts";
import type { FaceCalibration } from "./calibration.ts";
import { createOwnerIndex, exemplarsPerPerson, type OwnerIndex } from "./owner-index.ts";

/** Persons and loose faces asked of the database at once. */
const personsAtOnce = 100;
const looseAtOnce = 1_000;

/**
 * Reads an owner's index page by page. What changes meanwhile carries a later revision and is brought forward after.
 * Of more loose faces than half of `maxBytes` holds only the newest are compared with.
 */
export async function loadIndex(
  db: Kysely<FaceTables>,
  options: {
    ownerId: string;
    model: string;
    calibration: FaceCalibration;
    revision: number;
    maxBytes: number;
  },
): Promise<OwnerIndex> {
  const { ownerId, calibration, revision, maxBytes } = options;
  const index = createOwnerIndex(calibration.dimension, revision, maxBytes / 2);
  for (let after: string | null = null; ; ) {
    const personIds: string[] = await listPersonIds(db, ownerId, { after, limit: personsAtOnce });
    const rows = await listExemplars(db, {
      ...options,
      perPerson: exemplarsPerPerson,
      upToRevision: revision,
      personIds,
    });
    for (const [id, exemplars] of Map.groupBy(rows, ({ personId }) => personId))
      index.setPerson(id, exemplars);
    after = personIds.at(-1) ?? null;
    if (personIds.length < personsAtOnce) break;
    await turn();
  }
  await loadLoose(db, index, options);
  return index;
}

async function loadLoose(
  db: Kysely<FaceTables>,
  index: OwnerIndex,
  options: { ownerId: string; model: string; calibration: FaceCalibration },
): Promise<void> {
  for (let after: string | null = null; ; ) {
    const faces = await listLooseFaces(db, options, {
      minQuality: options.calibration.foundQuality,
      upToRevision: index.revision,
      newestFirst: true,
      after,
      limit: looseAtOnce,
    });
    index.addLoose(faces);
    after = faces.at(-1)?.id ?? null;
    if (faces.length < looseAtOnce || index.looseFull) return;
    await turn();
  }
}
