import { AppError, failedPrecondition, isDeletedOwner, type ServiceHost, unavailable } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { refillActive } from "./index-models.ts";
import { rebuildAlbums, rebuildPeople } from "./rebuild-facets.ts";
import { rebuildPage } from "./rebuild-page.ts";
import type { Sources } from "./sources.ts";
import { deleteDocument } from "./store/documents.ts";
import {
  advanceRebuild,
  beginRebuild,
  findRebuild,
  findUnseen,
  leaseRebuild,
  type RebuildRow,
  releaseRebuild,
} from "./store/rebuild.ts";
import type { RebuildPhase } from "./store/rebuild-tables.ts";
import type { SearchTables } from "./store/tables.ts";
import { pause } from "./waiting.ts";

/** What building anew needs. */
export interface RebuildOptions {
  db: Kysely<SearchTables>;
  engine: Engine;
  sources: Sources;
  log: ServiceHost<SearchTables>["log"];
  now: () => Date;
  newId: () => string;
  /** How often it looks whether one was asked for. */
  pollMs?: number;
  /** How long it waits after an error: another service that is down may be back in a while. */
  pauseAfterErrorMs?: number;
  /** How often in a row, with nothing done in between, it may go wrong before the rebuild has failed. */
  maxFailures?: number;
}

/** Building every document anew, in the background. */
export interface Rebuilds {
  /** @throws AppError FAILED_PRECONDITION/REBUILD_RUNNING. */
  start(): Promise<searchV1.Rebuild>;
  state(): Promise<searchV1.Rebuild>;
  /** Ends what is under way; it goes on from the same page after the next start. */
  stop(): Promise<void>;
}

const defaults = { pollMs: 1_000, pauseAfterErrorMs: 5_000, maxFailures: 20 };
// Longer than a few photos take; a replica that died is followed by another one after that.
const leaseMs = 120_000;
const smallestId = "00000000-0000-0000-0000-000000000000";

/** One replica's work. */
interface Worker extends Required<RebuildOptions> {
  id: string;
  signal: AbortSignal;
  /** @throws AppError UNAVAILABLE/REBUILD_TAKEN_OVER. */
  keepLease(): Promise<void>;
  /** Called whenever some of the work is done for good. */
  onProgress(): void;
}

/** Watches for rebuilds that are asked for; one replica works on one at a time, page by page, while searches go on. */
export function startRebuilds(options: RebuildOptions): Rebuilds {
  const { db, now, newId } = options;
  const stop = new AbortController();
  let wake = new AbortController();
  const running = watch({ ...defaults, ...options }, newId(), stop.signal, () => wake.signal);
  return {
    async start() {
      const rebuild = await askForRebuild(db, now());
      wake.abort();
      wake = new AbortController();
      return rebuild;
    },
    state: () => rebuildState(db),
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/**
 * Asks for a rebuild, which a running service begins within seconds.
 * @throws AppError FAILED_PRECONDITION/REBUILD_RUNNING.
 */
export async function askForRebuild(db: Kysely<SearchTables>, now: Date): Promise<searchV1.Rebuild> {
  const row = await beginRebuild(db, now);
  if (!row) throw rebuildRunning();
  return toMessage(row);
}

/** How the last rebuild goes or went. */
export async function rebuildState(db: Kysely<SearchTables>): Promise<searchV1.Rebuild> {
  return toMessage(await findRebuild(db));
}

async function watch(
  options: Required<RebuildOptions>,
  id: string,
  signal: AbortSignal,
  asked: () => AbortSignal,
): Promise<void> {
  const { db, log, pollMs, pauseAfterErrorMs, maxFailures } = options;
  let failures = 0;
  const worker: Worker = {
    ...options,
    id,
    signal,
    async keepLease() {
      if (!(await leaseRebuild(db, id, leaseMs))) throw takenOver();
    },
    onProgress() {
      failures = 0;
    },
  };
  while (!signal.aborted) {
    try {
      const soon = AbortSignal.any([signal, asked()]);
      const row = await leaseRebuild(db, id, leaseMs);
      if (row) await rebuildFrom(worker, row);
      else await pause(pollMs, soon);
      failures = 0;
    } catch (error) {
      if (signal.aborted) break;
      failures += 1;
      log.warn({ err: error, failures }, "building the index anew has to wait");
      if (failures >= maxFailures) {
        await giveUp(worker, error);
        failures = 0;
      }
      await pause(pauseAfterErrorMs, signal);
    }
  }
  await releaseRebuild(db, id).catch(() => undefined);
}

/** Goes on where the rebuild is. Every phase may be done twice. */
async function rebuildFrom(worker: Worker, row: RebuildRow): Promise<void> {
  const { db, id, now } = worker;
  const enter = async (phase: RebuildPhase) => {
    await worker.keepLease();
    await advanceRebuild(db, id, { phase });
    worker.onProgress();
    return phase;
  };
  let { phase } = row;
  if (phase === "albums") {
    await rebuildAlbums(worker);
    phase = await enter("photos");
  }
  if (phase === "photos") {
    await rebuildPhotos(worker, row.page_token);
    phase = await enter("people");
  }
  if (phase === "people") {
    await rebuildPeople(worker);
    await enter("unseen");
  }
  await removeUnseen(worker, row.started_at);
  // Vectors and duplicates come from the pixels, which no other service has a result of.
  await refillActive(db);
  await advanceRebuild(db, id, { finishedAt: now(), error: "" });
}

async function rebuildPhotos(worker: Worker, firstPage: string): Promise<void> {
  let pageToken = firstPage;
  do {
    const { documents, nextPageToken } = await rebuildPage(worker, pageToken);
    await worker.keepLease();
    // The empty token of the last page would be the first page's: a restart repeats the last page instead.
    await advanceRebuild(worker.db, worker.id, {
      documents,
      ...(nextPageToken === "" ? {} : { pageToken: nextPageToken }),
    });
    worker.onProgress();
    pageToken = nextPageToken;
  } while (pageToken !== "");
}

async function removeUnseen(worker: Worker, startedAt: Date): Promise<void> {
  const { db, id, sources, signal } = worker;
  const limit = 200;
  let after = smallestId;
  for (;;) {
    const unseen = await findUnseen(db, { startedAt, after, limit });
    for (const photo of unseen) {
      await worker.keepLease();
      // It may have been added since the list was read.
      if (await sources.isThere(photo, signal)) continue;
      await db.transaction().execute(async (trx) => {
        if (!(await isDeletedOwner(trx, photo.ownerId))) await deleteDocument(trx, photo);
      });
      await advanceRebuild(db, id, { removed: 1 });
      worker.onProgress();
    }
    const last = unseen.at(-1);
    if (last === undefined || unseen.length < limit) return;
    after = last.photoId;
  }
}

async function giveUp({ db, id, now }: Worker, error: unknown): Promise<void> {
  const { reason, message } = AppError.from(error);
  await advanceRebuild(db, id, { finishedAt: now(), error: `${reason}: ${message}`.slice(0, 500) }).catch(
    () => undefined,
  );
}

function rebuildRunning(): AppError {
  return failedPrecondition("REBUILD_RUNNING", "The index is being built anew already.");
}

function takenOver(): AppError {
  return unavailable("REBUILD_TAKEN_OVER", "Another replica builds the index anew.");
}

function toMessage(row: RebuildRow | undefined): searchV1.Rebuild {
  return {
    started: row !== undefined,
    running: row !== undefined && row.finished_at === null,
    documents: row?.documents ?? 0,
    removed: row?.removed ?? 0,
    startedAt: row?.started_at,
    finishedAt: row?.finished_at ?? undefined,
    error: row?.error ?? "",
  };
}
