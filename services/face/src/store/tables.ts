import type { DeletedPhotoTables } from "@ocelli/analysis";
import type { ColumnType, Generated } from "kysely";

/** Who said something: a human's word is never changed by a model. */
export type Source = "MODEL" | "USER";

/** Tables of the face service. */
export interface FaceTables extends DeletedPhotoTables {
  /** One row per scanned photo, also when no face was found. */
  face_scans: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    model: string;
    ms: number;
    created_at: Generated<Date>;
  };
  faces: {
    id: string;
    photo_id: string;
    owner_id: string;
    /** Box in fractions of the upright image. */
    x: number;
    y: number;
    width: number;
    height: number;
    score: number;
    quality: number;
    /** Six points in fractions, as a JSON array of pairs. */
    landmarks: ColumnType<[number, number][], string, string>;
    /** Whose face it is; null for nobody's. */
    person_id: Generated<string | null>;
    /** Who said so. `USER` with no person means that a human took it away: no model gives it to anybody again. */
    source: Generated<Source>;
    /** How sure the model was, 0..1; null unless a model said whose it is. */
    similarity: Generated<number | null>;
    /** Its embedding and cut-out were deleted for ever; a new scan makes none. */
    erased: Generated<boolean>;
    /** Seen by the newest scan; false when only a human's word keeps it. */
    detected: Generated<boolean>;
    created_at: Generated<Date>;
    /** The owner's revision that last changed what grouping goes by; written by triggers. */
    changed_revision: Generated<number>;
  };
  /** Faces that are no more, for those who follow the changes of an owner's faces; written by a trigger. */
  face_tombstones: {
    face_id: string;
    owner_id: string;
    /** Of the owner, that deleted the face. */
    revision: number;
  };
  /** Partitioned by model: what one model made is comparable, and dropped as a whole. */
  face_embeddings: {
    model: string;
    face_id: string;
    owner_id: string;
    /** Little-endian float32, as many as the model's dimension. */
    embedding: ColumnType<Buffer, Uint8Array, Uint8Array>;
  };
  /** Models with embeddings. At most one is active: it assigns and answers. */
  face_models: {
    model: string;
    dimension: number;
    /** FILLING until every face has an embedding of it; RETIRED until what it made is dropped. */
    state: "FILLING" | "ACTIVE" | "RETIRED";
    created_at: Generated<Date>;
    retired_at: Generated<Date | null>;
    /** The pass over all photos that makes what is missing: the last photo it looked at, null before the first. */
    cursor: Generated<string | null>;
    /** No pass is under way: nothing was missing at the end of the last one. */
    filled: Generated<boolean>;
    /** Faces that the pass under way gave something. */
    faces_filled: Generated<number>;
    /** Photos that the pass under way could not read. */
    photos_skipped: Generated<number>;
    /** The replica whose turn the pass is, and until when. */
    lease_owner: Generated<string | null>;
    lease_until: Generated<Date | null>;
  };
  face_crops: {
    face_id: string;
    owner_id: string;
    /** JPEG, at most 64 KiB. */
    jpeg: ColumnType<Buffer, Uint8Array, Uint8Array>;
  };
  /** What the library says of photos: those in the trash or hidden are not counted. */
  photo_states: {
    photo_id: string;
    owner_id: string;
    withheld: boolean;
    /** Of the newest change that is in here. */
    revision: number;
  };
  people: {
    id: string;
    owner_id: string;
    /** Empty while unnamed. */
    name: Generated<string>;
    hidden: Generated<boolean>;
    favorite: Generated<boolean>;
    birth_date: Generated<string | null>;
    /** Chosen by a human; null for the best one. */
    cover_face_id: Generated<string | null>;
    /** `USER` as soon as a human has said anything of the person: then no model dissolves it. */
    source: Generated<Source>;
    /** Who the person is now, after a merge. */
    merged_into: Generated<string | null>;
    /** Makes creation idempotent. */
    request_id: Generated<string | null>;
    created_at: Generated<Date>;
    updated_at: Generated<Date>;
  };
  /** "This face is not that person", said by a human. */
  face_rejections: {
    face_id: string;
    person_id: string;
    owner_id: string;
    /** The merge that handed it on to the survivor; null for what was said of this very person. */
    merge_id: Generated<string | null>;
    created_at: Generated<Date>;
  };
  /** "These two are different persons", said by a human; `person_a < person_b`. */
  person_distinctions: {
    person_a: string;
    person_b: string;
    owner_id: string;
    /** As in face_rejections. */
    merge_id: Generated<string | null>;
    created_at: Generated<Date>;
  };
  merges: {
    id: string;
    owner_id: string;
    survivor_id: string;
    person_ids: string[];
    /** Everybody's fields before, and the survivor's after, as the undo needs them. */
    snapshot: ColumnType<unknown, string, string>;
    created_at: Generated<Date>;
    undone_at: Generated<Date | null>;
  };
  /** Faces that a merge moved, with whose they were. */
  merge_faces: {
    merge_id: string;
    face_id: string;
    owner_id: string;
    person_id: string;
  };
  /** One row per user with faces. Locking it makes changes of one user's persons take turns. */
  face_owners: {
    owner_id: string;
    /** False: faces are not looked for, and nothing is kept that recognises them. */
    enabled: Generated<boolean>;
    /** Grows with every change of the user's faces or persons. */
    revision: Generated<number>;
    regroup_requested_at: Generated<Date | null>;
    regroup_finished_at: Generated<Date | null>;
    faces_seen: Generated<number>;
    faces_assigned: Generated<number>;
    people_made: Generated<number>;
    /** What a regrouping is at; null while none is under way. */
    regroup_phase: Generated<"CHECK" | "MERGE" | "JOIN" | null>;
    /** The last person or face that the phase has looked at. */
    regroup_cursor: Generated<string | null>;
    /** The replica that regroups, and until when others leave it alone. */
    regroup_lease_owner: Generated<string | null>;
    regroup_lease_until: Generated<Date | null>;
    /** The revision at the end of the last regrouping: what changed since is worth another. */
    regrouped_revision: Generated<number>;
  };
}

/**
 * Tables with an `owner_id`, all of them: what is deleted with a user. Rows that others refer to come last, but scans
 * come first: one whose faces are gone already would say of the same bytes of somebody else that nobody is on them.
 */
export const ownedTables: readonly (keyof FaceTables)[] = [
  "face_scans",
  "face_crops",
  "face_embeddings",
  "merge_faces",
  "merges",
  "person_distinctions",
  "face_rejections",
  "faces",
  "face_tombstones",
  "people",
  "photo_states",
  "face_owners",
];
