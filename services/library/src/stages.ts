import { AppError, type Database, invalidArgument } from "@ocelli/chassis";
import { stages as stageTree } from "@ocelli/contracts";
import { Status } from "nice-grpc-common";
import type { OpenBlob } from "./blobs/blob-store.ts";
import type { Contents } from "./contents.ts";
import { isPhotoId } from "./photo.ts";
import { photoNotFound } from "./photos.ts";
import { markRunning } from "./store/jobs.ts";
import { startStages } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createStages} stands on. */
export interface StagesOptions {
  database: Database<LibraryTables>;
  contents: Contents;
  /** Attempts of a stage, over restarts, after which its photo is no longer handed out. */
  maxAttempts: number;
}

/** Stages as analysing services drive them. */
export interface Stages {
  /**
   * Marks stages RUNNING, counts the attempt and opens the preview.
   * @throws AppError NOT_FOUND/PHOTO_NOT_FOUND, INVALID_ARGUMENT/UNKNOWN_STAGE, FAILED_PRECONDITION/TOO_MANY_ATTEMPTS
   *   for a photo that ended the process of whoever analysed it, time and again.
   */
  fetch(ownerId: string, photoId: string, stages: readonly string[]): Promise<OpenBlob>;
}

/** Creates the stage rules of a library. */
export function createStages({ database: { db }, contents, maxAttempts }: StagesOptions): Stages {
  return {
    async fetch(ownerId, photoId, stages) {
      assertStages(stages);
      const started = isPhotoId(photoId) ? await startStages(db, ownerId, photoId, stages) : undefined;
      if (started === undefined) throw photoNotFound();
      // On its own: whoever ends a stage locks the job first, and would wait for this one.
      if (started.jobIds.length > 0) await markRunning(db, started.jobIds);
      if (started.attempts > maxAttempts) throw tooManyAttempts();
      return contents.open(started.sha256, "preview");
    },
  };
}

/** Not worth another try: the stage is given up, and the photo stays. */
function tooManyAttempts(): AppError {
  return new AppError({
    code: Status.FAILED_PRECONDITION,
    reason: "TOO_MANY_ATTEMPTS",
    message: "The analysis of this photo was started too often without ever ending.",
  });
}

function assertStages(names: readonly string[]): void {
  const known =
    names.length <= stageTree.length && names.every((name) => stageTree.some((stage) => stage.name === name));
  if (known) return;
  throw invalidArgument("UNKNOWN_STAGE", "The stages must be names of the stage tree.", [
    { field: "stages", description: `must be among ${stageTree.map((stage) => stage.name).join(", ")}` },
  ]);
}
