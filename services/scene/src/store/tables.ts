import type { DeletedPhotoTables } from "@ocelli/analysis";
import type { ColumnType, Generated } from "kysely";

/** Tables of the scene service. */
export interface SceneTables extends DeletedPhotoTables {
  photo_scenes: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    /** Encoded `ocelli.common.v1.SceneResult`. */
    result: ColumnType<Buffer, Uint8Array, Uint8Array>;
    model: string;
    ms: number;
    created_at: Generated<Date>;
  };
}

/** Tables with an `owner_id`, all of them: what is deleted with a user. */
export const ownedTables: readonly (keyof SceneTables)[] = ["photo_scenes"];
