import { type Database, invalidArgument } from "@ocelli/chassis";
import { stages as stageTree } from "@ocelli/contracts";
import type { BlobStore, OpenBlob } from "./blobs/blob-store.ts";
import { isPhotoId } from "./photo.ts";
import { openBlob, photoNotFound } from "./photos.ts";
import { startStages } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createStages} stands on. */
export interface StagesOptions {
  database: Database<LibraryTables>;
  blobs: BlobStore;
}

/** Stages as analysing services drive them. */
export interface Stages {
  /**
   * Marks stages RUNNING, counts the attempt and opens the preview.
   * @throws AppError NOT_FOUND/PHOTO_NOT_FOUND, INVALID_ARGUMENT/UNKNOWN_STAGE.
   */
  fetch(ownerId: string, photoId: string, stages: readonly string[]): Promise<OpenBlob>;
}

/** Creates the stage rules of a library. */
export function createStages({ database: { db }, blobs }: StagesOptions): Stages {
  return {
    async fetch(ownerId, photoId, stages) {
      assertStages(stages);
      const sha256 = isPhotoId(photoId) ? await startStages(db, ownerId, photoId, stages) : undefined;
      if (sha256 === undefined) throw photoNotFound();
      return openBlob(blobs, sha256, "preview");
    },
  };
}

function assertStages(names: readonly string[]): void {
  const known =
    names.length <= stageTree.length && names.every((name) => stageTree.some((stage) => stage.name === name));
  if (known) return;
  throw invalidArgument("UNKNOWN_STAGE", "The stages must be names of the stage tree.", [
    { field: "stages", description: `must be among ${stageTree.map((stage) => stage.name).join(", ")}` },
  ]);
}
