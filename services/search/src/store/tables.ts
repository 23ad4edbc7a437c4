import type { DeletedOwnerTables } from "@ocelli/chassis";
import type { Generated } from "kysely";

/** Tables of the search service. */
export interface SearchTables extends DeletedOwnerTables {
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
    /** Deleted photos leave an empty row behind, so that late events cannot bring them back. */
    deleted: Generated<boolean>;
    /** Generated: title and caption (A), description and labels (B), text (C), file name (D). */
    words: Generated<string>;
  };
  photo_embeddings: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    /** Model that made the embedding; only embeddings of one model are comparable. */
    model: string;
    /** pgvector `halfvec(384)` in its text form, unit length. */
    embedding: string;
    /** As in the document. */
    withheld: Generated<boolean>;
  };
}

/** Tables with an `owner_id`, all of them: what is deleted with a user. */
export const ownedTables: readonly (keyof SearchTables)[] = ["photo_embeddings", "documents"];
