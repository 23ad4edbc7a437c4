import type { ServiceHost } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { BlobStore } from "./blobs/blob-store.ts";
import type { LibraryConfig } from "./config.ts";
import { createUploadHandlers } from "./rpc/upload-handlers.ts";
import type { LibraryTables } from "./store/tables.ts";
import { createUploadParts } from "./upload-parts.ts";
import { startUploadSweeper } from "./upload-sweeper.ts";
import { createUploads, type UploadLimits, type UploadsOptions } from "./uploads.ts";

/** What {@link openUploadService} stands on. */
export interface UploadServiceOptions extends Omit<UploadsOptions, "database" | "parts" | "limits"> {
  host: ServiceHost<LibraryTables>;
  config: UploadLimits & Pick<LibraryConfig, "uploadIdleTimeoutMs">;
  blobs: Pick<BlobStore, "temporaryFolder">;
}

/** Uploads in pieces, for the other parts of the library. */
export interface UploadRules {
  /** Removes the bytes of uploads that are gone. */
  sweep(): Promise<void>;
  /** Begins to sweep. */
  start(): void;
}

/** Provides UploadService. */
export function openUploadService({ host, config, blobs, ...options }: UploadServiceOptions): UploadRules {
  const { database, log } = host;
  const parts = createUploadParts(blobs.temporaryFolder);
  const uploads = createUploads({ ...options, database, parts, limits: config });
  const { uploadIdleTimeoutMs } = config;
  host.provide(libraryV1.UploadServiceDefinition, createUploadHandlers({ uploads, uploadIdleTimeoutMs }));
  return {
    sweep: uploads.sweep,
    start() {
      host.onStop(startUploadSweeper(uploads, log));
    },
  };
}
