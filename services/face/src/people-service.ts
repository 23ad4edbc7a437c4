import type { RawImageReader } from "@ocelli/analysis";
import type { Runtime, ServiceHost } from "@ocelli/chassis";
import { faceV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { createDecisions } from "./decisions.ts";
import type { FaceSettingsRules } from "./face-settings.ts";
import type { FaceSearch } from "./grouping.ts";
import { createMerges } from "./merges.ts";
import { createPeople } from "./people.ts";
import { createPersonChanger } from "./person-changes.ts";
import { createPersonExport } from "./person-export.ts";
import { createPersonFaces } from "./person-faces.ts";
import { createPersonSuggestions, type SuggestionCandidates } from "./person-suggestions.ts";
import type { Regrouping } from "./rpc/grouping-handlers.ts";
import { createPeopleHandlers } from "./rpc/people-handlers.ts";
import type { FaceTables } from "./store/tables.ts";

/** What {@link openPeopleService} stands on. */
export interface PeopleServiceOptions {
  host: ServiceHost<FaceTables>;
  runtime: Pick<Runtime, "now" | "newId">;
  settings: FaceSettingsRules;
  engine: Engine;
  rawImages: RawImageReader;
  search: FaceSearch;
  regrouping: Regrouping;
  candidates: SuggestionCandidates;
}

/** Provides PeopleService. */
export function openPeopleService(options: PeopleServiceOptions): void {
  const { host, settings, engine, rawImages, search, regrouping, candidates } = options;
  const { now, newId } = options.runtime;
  const { database, relay } = host;
  const { db } = database;
  const changer = createPersonChanger({ database, relay, now });
  const handlers = createPeopleHandlers({
    people: createPeople({ db, changer, now, newId }),
    faces: createPersonFaces({ db }),
    decisions: createDecisions({ changer }),
    merges: createMerges({ db, changer, newId }),
    exports: createPersonExport({ db }),
    suggestions: createPersonSuggestions({ db, changer, candidates, newId }),
    settings,
    relay,
    engine,
    rawImages,
    search,
    regrouping,
  });
  host.provide(faceV1.PeopleServiceDefinition, handlers);
}
