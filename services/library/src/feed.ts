import { AppError, type Database, type EventBus, resolvePageSize } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { Status } from "nice-grpc-common";
import { type FeedEntry, readFeed } from "./store/feed.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createFeed} stands on. */
export interface FeedOptions {
  database: Database<LibraryTables>;
  bus: Pick<EventBus, "publish">;
  /** Makes a UUIDv7. */
  newId: () => string;
}

/** Asks for entries after an id; -1 for none, only the newest id. */
export interface FeedRequest {
  afterId: number;
  /** 0 means the default. */
  pageSize: number;
}

/** What happens to an owner's photos and jobs, in order. */
export interface Feed extends FeedHints {
  /**
   * Entries after an id, oldest first.
   * @throws AppError OUT_OF_RANGE/FEED_GONE when the feed does not reach back to the id, or never got so far: then what
   *   the reader knows is not what is.
   */
  list(ownerId: string, request: FeedRequest): Promise<{ entries: FeedEntry[]; newestId: number }>;
  /** Sends hints no more. */
  close(): void;
}

/** Says that feeds have grown. */
export interface FeedHints {
  /**
   * Wakes whoever waits for entries of an owner, on every replica; call it after the commit. Best effort and not through
   * the outbox: readers look by themselves every few seconds, so that a lost hint delays an entry and loses nothing, and
   * a row for every row would double what a stage costs. Where an event of the library's outbox is sent after the same
   * commit (`photo.ready`, `photo.changed`, `photo.deleted`, `job.finished`), that event is the hint.
   */
  hint(ownerId: string, newestId: number): void;
}

const pageLimits = { defaultSize: 100, maxSize: 500 };
// Entries of a busy owner come by the dozen; one hint is enough for all that came within this time.
const hintPauseMs = 100;

/** Creates the reading side of feeds. */
export function createFeed({ database: { db }, bus, newId }: FeedOptions): Feed {
  /** Owners of whom a hint was just sent, with the newest id since; 0 when there is none. */
  const recent = new Map<string, number>();
  let closed = false;

  function send(ownerId: string, newestId: number): void {
    const { subject, message } = events.feedAppended;
    const payload = message.encode(message.fromPartial({ ownerId, newestId })).finish();
    recent.set(ownerId, 0);
    bus.publish({ id: newId(), subject, payload }).catch(() => undefined);
    setTimeout(() => {
      const later = recent.get(ownerId) ?? 0;
      recent.delete(ownerId);
      if (later > 0 && !closed) send(ownerId, later);
    }, hintPauseMs).unref();
  }

  return {
    hint(ownerId, newestId) {
      if (newestId <= 0 || closed) return;
      const waiting = recent.get(ownerId);
      if (waiting === undefined) send(ownerId, newestId);
      else recent.set(ownerId, Math.max(waiting, newestId));
    },
    async list(ownerId, { afterId, pageSize }) {
      const limit = resolvePageSize(pageSize, pageLimits);
      const page = await readFeed(db, ownerId, afterId < 0 ? Number.MAX_SAFE_INTEGER : afterId, limit);
      if (afterId >= 0 && (afterId < page.purgedId || afterId > page.newestId)) throw feedGone();
      return { entries: page.entries, newestId: page.newestId };
    },
    close() {
      closed = true;
    },
  };
}

function feedGone(): AppError {
  return new AppError({
    code: Status.OUT_OF_RANGE,
    reason: "FEED_GONE",
    message: "What happened since is not kept any more; read the photos and jobs again.",
  });
}
