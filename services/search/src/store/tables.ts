import type { DeletedOwnerTables } from "@ocelli/chassis";
import type { Generated } from "kysely";
import type { DuplicateTables } from "./duplicate-tables.ts";
import type { FactTables } from "./fact-tables.ts";
import type { RebuildTables } from "./rebuild-tables.ts";
import type { SmartAlbumTables } from "./smart-album-tables.ts";
import type { VectorTables } from "./vector-tables.ts";

/** Tables of the search service. */
export interface SearchTables
  extends DeletedOwnerTables,
    FactTables,
    VectorTables,
    DuplicateTables,
    RebuildTables,
    SmartAlbumTables {
  /** One row per photo, filled in by the events about it. */
  documents: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    filename: string | null;
    caption: string | null;
    /** Scene labels, tags and object names, without repeats. */
    labels: string[] | null;
    /** Text read in the photo. */
    ocr_text: string | null;
    taken_at: Date | null;
    created_at: Date | null;
    /** Generated: when it was taken, or added where that is unknown. */
    moment: Generated<Date>;
    width: number | null;
    height: number | null;
    media_type: string | null;
    size_bytes: number | null;
    camera: string | null;
    lens: string | null;
    city: string | null;
    region: string | null;
    country: string | null;
    favorite: Generated<boolean>;
    /** Sentence embeddings of caption and labels, see `meanings.ts`. */
    caption_meaning: Buffer | null;
    labels_meaning: Buffer | null;
    /** Events that caption, labels and text are of: their ids are in the order of time. Null: said before any was kept. */
    caption_event: string | null;
    labels_event: string | null;
    text_event: string | null;
    /** Owner's title. */
    title: string | null;
    /** Owner's description. */
    description: string | null;
    /** Hidden or in the trash: not to be found. */
    withheld: Generated<boolean>;
    /** Newest of the owner's changes that are in here; 0 before any. */
    revision: Generated<number>;
    /** Stages the index needs that have ended, well or not. */
    ended: Generated<string[]>;
    /** Set once, when everything the index needs is in. */
    indexed_at: Date | null;
    /** When a rebuild last wrote it. */
    rebuilt_at: Date | null;
    /** Deleted photos leave an empty row behind, so that late events cannot bring them back. */
    deleted: Generated<boolean>;
    /** Generated: title and caption (A), description, labels, places and camera (B), text (C), file name (D), owner. */
    words: Generated<string>;
  };
}

/** Tables with an `owner_id`, all of them: what is deleted with a user. */
export const ownedTables: readonly (keyof SearchTables)[] = [
  "vector_owners",
  "vector_failures",
  "document_people",
  "document_albums",
  "people",
  "albums",
  "smart_albums",
  "duplicate_pairs",
  "kept_duplicates",
  "picture_bands",
  "pictures",
  "documents",
  // Behind the documents, whose deletion changes it.
  "vocabulary",
];
