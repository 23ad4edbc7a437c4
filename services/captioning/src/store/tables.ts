import type { DeletedPhotoTables } from "@ocelli/analysis";
import type { commonV1 } from "@ocelli/contracts";
import type { ColumnType, Generated } from "kysely";

/** Tables of the captioning service. */
export interface CaptioningTables extends DeletedPhotoTables {
  captions: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    text: string;
    source: commonV1.ResultSource;
    /** Cosine of sentence and picture in the joint space. */
    score: number;
    model: string;
    ms: number;
    created_at: Generated<Date>;
  };
  photo_texts: {
    photo_id: string;
    owner_id: string;
    sha256: string;
    /** `ocelli.common.v1.TextLine`s in reading order, as JSON. */
    lines: ColumnType<commonV1.TextLine[], string, string>;
    model: string;
    ms: number;
    created_at: Generated<Date>;
  };
}

/** Tables with an `owner_id`, all of them: what is deleted with a user. */
export const ownedTables: readonly (keyof CaptioningTables)[] = ["captions", "photo_texts"];
