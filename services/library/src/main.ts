import {
  connectAuth,
  consumeOwnerDeletions,
  openService,
  type RunningService,
  type Runtime,
  type TokenVerifier,
} from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { createDirectoryBlobStore } from "./blobs/directory-blob-store.ts";
import type { LibraryConfig } from "./config.ts";
import { photoEventsFilter, stageHandlers, stagesConsumer } from "./events.ts";
import { createIngest } from "./ingest.ts";
import { createLooseBlobs } from "./loose-blobs.ts";
import { forgetOwner } from "./owners.ts";
import { createPhotoRecords } from "./photo-records.ts";
import { createPhotos } from "./photos.ts";
import { createQuotas } from "./quotas.ts";
import { createLibraryHandlers } from "./rpc/library-handlers.ts";
import { createStages } from "./stages.ts";
import { migrations } from "./store/migrations/index.ts";
import type { LibraryTables } from "./store/tables.ts";

export { type LibraryConfig, settings } from "./config.ts";

/** Starts the library: photos, their bytes, and the state of their analysis. */
export async function start(config: LibraryConfig, runtime: Runtime): Promise<RunningService> {
  const auth = await connectAuth({ name: "library", ...config, ...runtime });
  return serveLibrary(config, runtime, auth.verifier, auth.close);
}

/** Starts the library with a given verifier of its callers' tokens. */
export async function serveLibrary(
  config: LibraryConfig,
  runtime: Runtime,
  verifier: TokenVerifier,
  release: () => Promise<void> = () => Promise.resolve(),
): Promise<RunningService> {
  const blobs = createDirectoryBlobStore(config.blobDir);
  await blobs.prepare();
  const host = await openService<LibraryTables>({ name: "library", config, runtime, migrations });
  const { database, relay } = host;
  host.onStop(release);
  host.consume({
    consumer: stagesConsumer,
    filter: photoEventsFilter,
    cheap: true,
    handlers: stageHandlers(database.db),
  });
  const loose = createLooseBlobs({ database, blobs });
  consumeOwnerDeletions(host, "library", (owner) => forgetOwner({ database, loose }, owner));
  const quotas = createQuotas({ database, defaults: config });
  const records = createPhotoRecords({ database, relay, quotas, loose });
  const handlers = createLibraryHandlers({
    uploadIdleTimeoutMs: config.uploadIdleTimeoutMs,
    ingest: createIngest({
      database,
      blobs,
      records,
      quotas,
      now: runtime.now,
      newId: runtime.newId,
      limits: config,
    }),
    photos: createPhotos({ database, blobs }),
    stages: createStages({ database, blobs, maxAttempts: config.maxStageAttempts }),
    quotas,
  });
  const service = await host.serve(verifier, libraryV1.LibraryServiceDefinition, handlers);
  // Only now: a second process started by mistake fails on the port before it can touch the first one's uploads.
  await blobs.removeLeftovers();
  await loose.sweep();
  return service;
}
