import { AppError, type Logger, type Revocations } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";
import type { Clients } from "../clients.ts";
import type { Caller } from "../context.ts";
import type { UserWatcher } from "./user-watch.ts";

/** One message of a user's live stream: an entry of the feed, or a word about the stream itself. */
export interface LiveMessage {
  /** Where a reader that resumes goes on from. */
  readonly id: number;
  /** `photo.ready`, `photo.stage` …; `hello`, `reset`, `expired`, `revoked`. */
  readonly type: string;
  /** RFC 3339. */
  readonly at: string;
  /** The photo or job; empty where there is none. */
  readonly subjectId: string;
  readonly data: unknown;
}

/** Why a stream ended. */
export type StreamEnd = "left" | "stopping" | "expired" | "revoked" | "failed";

/** What a stream is made from. */
export interface UserStreamOptions {
  readonly clients: Pick<Clients, "feed">;
  readonly caller: Caller;
  readonly revocations: Pick<Revocations, "isRevoked">;
  readonly log: Logger;
  /** Opened before the stream begins. */
  readonly watcher: UserWatcher;
  /** Id of the last entry that the reader has. */
  readonly after: number;
  /** Aborted when the client leaves. */
  readonly left: AbortSignal;
  /** Aborted when the process begins to stop. */
  readonly stopping: AbortSignal;
  /** How long a lost hint may delay an entry. Default 5 s. */
  readonly pollMs?: number;
  /** How often the access is checked. Default 1 s. */
  readonly checkMs?: number;
}

/** A stream that its reader can move. */
export interface UserStream {
  /** Ends only when the client leaves, the process stops, or the access does. */
  readonly messages: AsyncGenerator<LiveMessage, StreamEnd>;
  /** Goes on after another id. */
  seek(after: number): void;
}

const defaultPollMs = 5_000;
const defaultCheckMs = 1_000;
const pageSize = 100;
const readDeadlineMs = 5_000;

/**
 * The id from which a reader that names none goes on: the newest.
 * @throws AppError of the library.
 */
export async function newestFeedId(
  clients: Pick<Clients, "feed">,
  { token: bearer }: Caller,
  signal: AbortSignal,
): Promise<number> {
  const options = { bearer, signal, deadline: readDeadlineMs };
  return (await clients.feed.listFeed({ afterId: -1, pageSize: 0 }, options)).newestId;
}

/**
 * All entries of a user's feed after an id, each once and in order, then each as it comes about. Nothing is kept here but
 * the id of the last entry sent: a page is read when the reader has taken the one before, so that a slow reader costs no
 * memory and any replica can go on. `reset` tells that entries are missing and what to go on from.
 */
export function createUserStream(options: UserStreamOptions): UserStream {
  const { watcher } = options;
  const expiresAt = expiryOf(options.caller.token);
  let sought: number | undefined;

  async function* run(): AsyncGenerator<LiveMessage, StreamEnd> {
    const poll = options.pollMs ?? defaultPollMs;
    const signal = AbortSignal.any([options.left, options.stopping]);
    let cursor = options.after;
    let readAt = 0;
    yield about(cursor, "hello");
    for (;;) {
      const end = endOf(options, expiresAt);
      if (end) {
        if (end === "expired" || end === "revoked") yield about(cursor, end);
        return end;
      }
      cursor = sought ?? cursor;
      if (sought !== undefined) readAt = 0;
      sought = undefined;
      if (performance.now() >= readAt) {
        const page = await read(options, cursor, signal);
        for (const message of page.messages) {
          if (sought !== undefined) break;
          yield message;
          cursor = message.id;
        }
        if (page.end) return page.end;
        if (sought !== undefined || page.more) continue;
        readAt = performance.now() + poll;
      }
      if (await watcher.next(options.checkMs ?? defaultCheckMs, signal)) readAt = 0;
    }
  }

  return {
    messages: run(),
    seek(after) {
      sought = after;
      watcher.wake();
    },
  };
}

interface Page {
  messages: LiveMessage[];
  /** True when there is more to read at once. */
  more: boolean;
  end?: StreamEnd;
}

async function read(options: UserStreamOptions, after: number, signal: AbortSignal): Promise<Page> {
  const { clients, caller } = options;
  try {
    const call = { bearer: caller.token, signal, deadline: readDeadlineMs };
    const { entries, newestId } = await clients.feed.listFeed({ afterId: after, pageSize }, call);
    return { messages: entries.map(toMessage), more: (entries.at(-1)?.id ?? newestId) < newestId };
  } catch (error) {
    return recover(options, AppError.from(error), after, signal);
  }
}

/** What is left to do when the feed could not be read. */
async function recover(
  options: UserStreamOptions,
  error: AppError,
  after: number,
  signal: AbortSignal,
): Promise<Page> {
  if (signal.aborted) return { messages: [], more: true };
  if (error.reason === "FEED_GONE") {
    try {
      const newest = await newestFeedId(options.clients, options.caller, signal);
      return { messages: [about(newest, "reset")], more: true };
    } catch (failure) {
      return recover(options, AppError.from(failure), after, signal);
    }
  }
  if (error.code === Status.UNAUTHENTICATED || error.code === Status.PERMISSION_DENIED) {
    const end = error.reason === "TOKEN_EXPIRED" ? "expired" : "revoked";
    return { messages: [about(after, end)], more: false, end };
  }
  // A library that restarts is no reason to end the stream; the next look is due soon.
  options.log.debug({ err: error }, "feed not readable now");
  return { messages: [], more: false };
}

function endOf(
  { left, stopping, caller, revocations }: UserStreamOptions,
  expiresAt: number,
): StreamEnd | undefined {
  if (left.aborted) return "left";
  if (stopping.aborted) return "stopping";
  if (revocations.isRevoked(caller.grant.id)) return "revoked";
  return Date.now() >= expiresAt ? "expired" : undefined;
}

/** Epoch milliseconds; the token was verified when the stream was asked for. */
function expiryOf(token: string): number {
  const payload: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  const exp = payload !== null && typeof payload === "object" && "exp" in payload ? payload.exp : undefined;
  return typeof exp === "number" ? exp * 1000 : 0;
}

function about(id: number, type: string): LiveMessage {
  return { id, type, at: new Date().toISOString(), subjectId: "", data: {} };
}

function toMessage({ id, type, at, subjectId, dataJson }: libraryV1.FeedEntry): LiveMessage {
  const data: unknown = JSON.parse(dataJson);
  return { id, type, at: (at ?? new Date(0)).toISOString(), subjectId, data };
}
