import {
  AppError,
  type EventHandler,
  isDeletedOwner,
  isUuid,
  type Relay,
  type ServiceHost,
  typedHandler,
  withOutbox,
} from "@ocelli/chassis";
import { type EventType, events } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { Status } from "nice-grpc-common";
import { announceMoves } from "./album-events.ts";
import { saveClosure } from "./store/disabled-owners.ts";
import {
  type Dispossession,
  deleteMade,
  deleteUnfinishedUploads,
  endSharesGiven,
} from "./store/dispossession.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link consumeAccountEvents} stands on. */
export interface AccountEventsOptions {
  host: Pick<ServiceHost<LibraryTables>, "consume" | "database" | "log" | "relay">;
  /** Removes the bytes of uploads that are gone. */
  sweepUploads: () => Promise<void>;
}

type Handler = EventHandler<LibraryTables>;

// What fails here for a passing reason is tried for an hour and a half before an operator has to replay it.
const maxDeliver = 20;
// Clocks differ, and whoever was thrown out may go on until every service has heard of it. The new owner, for whom the
// event takes a moment, has hardly logged in by then.
const graceMs = 60_000;
// Each takes up to thousands of visits or deliveries along.
const linksAtOnce = 20;
const webhooksAtOnce = 1;
const sharesAtOnce = 100;

/**
 * Consumes what happens to accounts short of their deletion. `auth.user.disabled` and `enabled`: public links and
 * webhooks rest meanwhile. `auth.user.dispossessed`: links, shares, webhooks and unfinished uploads are deleted; photos
 * and albums stay. May be repeated at any point, in any order.
 */
export function consumeAccountEvents({ host, sweepUploads }: AccountEventsOptions): void {
  const { db } = host.database;
  host.consume({
    consumer: "library-accounts",
    filter: "ocelli.auth.user.*",
    concurrency: 1,
    cheap: true,
    maxDeliver,
    handlers: {
      [events.userDisabled.subject]: closureHandler(db, events.userDisabled, true),
      [events.userEnabled.subject]: closureHandler(db, events.userEnabled, false),
      [events.userDispossessed.subject]: typedHandler(
        events.userDispossessed,
        async ({ userId }, { signal }, { id }) => {
          const until = new Date(timeOf(id) + graceMs);
          await dispossess(host, { ownerId: requireId(userId), until }, signal);
          await sweepUploads();
          host.log.info({ userId }, "what a dispossessed user gave to others is taken back");
        },
      ),
    },
  });
}

function closureHandler(
  db: Kysely<LibraryTables>,
  type: EventType<{ userId: string }>,
  disabled: boolean,
): Handler {
  return typedHandler(type, async ({ userId }, _context, { id }) => {
    const ownerId = requireId(userId);
    const eventId = requireId(id);
    await db.transaction().execute(async (trx) => {
      if (!(await isDeletedOwner(trx, ownerId))) await saveClosure(trx, { ownerId, disabled, eventId });
    });
  });
}

/** What lets others in goes first. */
async function dispossess(
  { database: { db }, relay }: Pick<ServiceHost<LibraryTables>, "database" | "relay">,
  whose: Dispossession,
  signal: AbortSignal,
): Promise<void> {
  const untilNone = async (work: () => Promise<number>) => {
    do signal.throwIfAborted();
    while ((await work()) > 0);
  };
  await untilNone(() => deleteMade(db, "album_links", whose, linksAtOnce));
  await untilNone(() => endSomeShares(db, relay, whose));
  await untilNone(() => deleteMade(db, "webhooks", whose, webhooksAtOnce));
  await deleteUnfinishedUploads(db, whose);
}

async function endSomeShares(
  db: Kysely<LibraryTables>,
  relay: Pick<Relay, "kick">,
  whose: Dispossession,
): Promise<number> {
  return withOutbox(db, relay, async (trx) => {
    const { ended, removed } = await endSharesGiven(trx, whose, sharesAtOnce);
    await announceMoves(trx, whose.ownerId, removed, "removed");
    return ended;
  });
}

/** Milliseconds since 1970, which a UUIDv7 begins with. */
function timeOf(eventId: string): number {
  return Number.parseInt(requireId(eventId).replaceAll("-", "").slice(0, 12), 16);
}

function requireId(text: string): string {
  if (isUuid(text)) return text;
  throw new AppError({
    code: Status.DATA_LOSS,
    reason: "EVENT_MALFORMED",
    message: "The event names no user.",
  });
}
