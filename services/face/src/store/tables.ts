import type { DeletedPhotoTables } from "@ocelli/analysis";
import type { ColumnType, Generated } from "kysely";

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
    /** 128 little-endian float32. */
    embedding: ColumnType<Buffer, Uint8Array, Uint8Array>;
    /** Model that made the embedding; only embeddings of one model are comparable. */
    model: string;
    created_at: Generated<Date>;
  };
}

/** Tables with an `owner_id`, all of them: what is deleted with a user. */
export const ownedTables: readonly (keyof FaceTables)[] = ["faces", "face_scans"];
