import {
  connectAuth,
  consumeOwnerDeletions,
  openService,
  type RunningService,
  type Runtime,
  type TokenVerifier,
} from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { consumeAccountEvents } from "./account-events.ts";
import { createAlbumPhotos } from "./album-photos.ts";
import { openAlbumService } from "./album-service.ts";
import { openBlobStore } from "./blobs/open-blob-store.ts";
import { createCleanOriginals } from "./clean-originals.ts";
import type { LibraryConfig } from "./config.ts";
import { createContents } from "./contents.ts";
import { photoEventsFilter, stageHandlers, stagesConsumer } from "./events.ts";
import { createImaging } from "./imaging.ts";
import { createIndexListing } from "./index-listing.ts";
import { createIngest } from "./ingest.ts";
import { openJobService } from "./job-service.ts";
import { type LiveOptions, openLive } from "./live.ts";
import { createLooseBlobs } from "./loose-blobs.ts";
import { forgetOwner } from "./owners.ts";
import { createPhotoRecords } from "./photo-records.ts";
import { openPhotoService } from "./photo-service.ts";
import { createPhotos } from "./photos.ts";
import { createQuotas } from "./quotas.ts";
import { createReception } from "./reception.ts";
import { createLibraryHandlers } from "./rpc/library-handlers.ts";
import { createStages } from "./stages.ts";
import { migrations } from "./store/migrations/index.ts";
import type { LibraryTables } from "./store/tables.ts";
import { openUploadService } from "./upload-service.ts";

export type { BlobKey, BlobStore, OpenBlob } from "./blobs/blob-store.ts";
export { openBlobStore } from "./blobs/open-blob-store.ts";
export { type LibraryConfig, settings } from "./config.ts";
export { blobSettings } from "./settings/blob-settings.ts";
export { migrations } from "./store/migrations/index.ts";
export { type Finding, type VerifyReport, verifyLibrary, verifySettings } from "./verify.ts";

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
  network: LiveOptions["network"] = {},
): Promise<RunningService> {
  const blobs = await openBlobStore(config);
  const host = await openService<LibraryTables>({ name: "library", config, runtime, migrations });
  const { database, relay } = host;
  host.addCheck({ name: "library.blobs", check: blobs.check });
  host.onStop(release);
  const { feed, start: startLive } = await openLive({ host, config, runtime, network });
  const jobs = openJobService({ host, config, runtime, feed });
  host.consume({
    consumer: stagesConsumer,
    filter: photoEventsFilter,
    cheap: true,
    handlers: stageHandlers(database.db, jobs.progress),
  });
  const loose = createLooseBlobs({ database, blobs });
  consumeOwnerDeletions(host, "library", async (owner) => {
    await forgetOwner({ database, relay, loose }, owner);
    await uploads.sweep();
  });
  consumeAccountEvents({ host, sweepUploads: () => uploads.sweep() });
  const quotas = createQuotas({ database, defaults: config });
  const albumPhotos = createAlbumPhotos({ database, relay, now: runtime.now });
  const records = createPhotoRecords({ database, relay, quotas, loose, albums: albumPhotos });
  const imaging = createImaging({ blobs, limits: config, log: runtime.log, now: runtime.now });
  host.onStop(imaging.close);
  const contents = createContents({ database, blobs, imaging, log: runtime.log });
  const { intake } = imaging;
  const reception = createReception({ blobs, concurrency: config.uploadConcurrency });
  const clean = createCleanOriginals({ blobs, imaging });
  const photos = createPhotos({ database, contents, clean });
  const photoRules = openPhotoService({ host, config, photos, loose, reception, intake, quotas });
  const { changes } = photoRules;
  openAlbumService({ host, config, runtime, albumPhotos, changes, contents, clean });
  const ingest = createIngest({
    database,
    reception,
    intake,
    changes,
    records,
    albums: albumPhotos,
    quotas,
    now: runtime.now,
    newId: runtime.newId,
    limits: config,
    onStored: (bytes) => runtime.metrics.uploadBytes.inc(bytes),
  });
  const uploads = openUploadService({
    host,
    config,
    blobs,
    ingest,
    photos,
    quotas,
    albums: albumPhotos,
    newId: runtime.newId,
  });
  host.onStop(blobs.close);
  const handlers = createLibraryHandlers({
    uploadIdleTimeoutMs: config.uploadIdleTimeoutMs,
    ingest,
    photos,
    stages: createStages({ database, contents, maxAttempts: config.maxStageAttempts }),
    quotas,
    listing: createIndexListing({ database }),
  });
  const service = await host.serve(verifier, libraryV1.LibraryServiceDefinition, handlers);
  // Only now: a second process started by mistake fails on the port before it can touch the first one's uploads.
  await blobs.removeLeftovers();
  await loose.sweep();
  photoRules.start();
  uploads.start();
  startLive();
  jobs.start();
  return service;
}
