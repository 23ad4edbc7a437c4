import type { Logger } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { FaceTables } from "../store/tables.ts";
import { createAssignment } from "./assignment.ts";
import { faceCalibration } from "./calibration.ts";
import type { DecisionRules } from "./decisions.ts";
import { createFaceSearch, type FaceSearch } from "./face-search.ts";
import { createOwnerIndexes, type OwnerIndexes } from "./owner-indexes.ts";
import { createRegroupWorker, type RegroupWorker } from "./regroup-worker.ts";
import { type Announce, createRegrouping } from "./regrouping.ts";
import { createSuggestions, type Suggestions } from "./suggestions.ts";
import type { Grouping } from "./types.ts";

/** What {@link createPeopleGrouping} stands on. */
export interface PeopleGroupingOptions {
  db: Kysely<FaceTables>;
  /** Model whose embeddings are compared, see `embeddingModelVersion`. */
  model: string;
  newId: () => string;
  log: Pick<Logger, "warn">;
  /** Tells of what regroupings change, in their transactions. */
  announce: Announce;
  /** Wakes the relay. */
  onStep?: () => void;
  settings: GroupingSettings;
}

/** See the settings of the same names. */
export interface GroupingSettings {
  /** Memory of the indexes of all owners together. */
  groupingMemory: number;
  /** So many faces of different photos make a person. */
  minPersonFaces: number;
  /** How often owners with new faces are regrouped. */
  regroupIntervalMs: number;
  /** How often regroupings that were asked for are looked for. */
  regroupPollMs: number;
}

/** Everything that knows whose faces are whose. */
export interface PeopleGrouping {
  grouping: Grouping;
  search: FaceSearch;
  suggestions: Suggestions;
  /** To be started after the service serves, and stopped with it. */
  worker: RegroupWorker;
  indexes: OwnerIndexes;
}

/**
 * Creates the grouping of one embedding model.
 * @throws ConfigError for a model that is not calibrated.
 */
export function createPeopleGrouping(options: PeopleGroupingOptions): PeopleGrouping {
  const { db, model, newId, log, announce, settings } = options;
  const calibration = faceCalibration(model);
  const rules: DecisionRules = { calibration, foundSize: settings.minPersonFaces };
  const indexes = createOwnerIndexes({ model, calibration, maxBytes: settings.groupingMemory });
  const assignment = createAssignment({ model, indexes, rules, newId });
  const regrouping = createRegrouping({ db, model, indexes, rules, assignment, announce });
  return {
    grouping: {
      prepare: async (ownerId) => void (await indexes.current(db, ownerId)),
      assignPhoto: assignment.assignPhoto,
    },
    search: createFaceSearch({ db, indexes, calibration }),
    suggestions: createSuggestions({ db, indexes, calibration }),
    worker: createRegroupWorker({
      db,
      model,
      regrouping,
      minQuality: calibration.qualityFloor,
      intervalMs: settings.regroupIntervalMs,
      pollMs: settings.regroupPollMs,
      newId,
      log,
      ...(options.onStep && { onStep: options.onStep }),
    }),
    indexes,
  };
}
