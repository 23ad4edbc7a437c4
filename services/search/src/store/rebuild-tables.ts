import type { Generated } from "kysely";

/** What a rebuild works on, in this order. */
export type RebuildPhase = "albums" | "photos" | "people" | "unseen";

/** Tables behind building the index anew. */
export interface RebuildTables {
  rebuild: {
    /** Always 1. */
    id: number;
    started_at: Date;
    /** Null while it runs. */
    finished_at: Generated<Date | null>;
    /** Where it goes on after a restart. */
    phase: Generated<RebuildPhase>;
    /** Within `photos`: the page of the library's photos that is next. */
    page_token: Generated<string>;
    documents: Generated<number>;
    removed: Generated<number>;
    /** Why it failed; empty when it did not. */
    error: Generated<string>;
    /** Replica that works on it. */
    worker: Generated<string | null>;
    worker_until: Generated<Date | null>;
  };
}
