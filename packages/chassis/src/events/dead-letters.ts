import { type ExpressionBuilder, type Kysely, sql, type Transaction } from "kysely";
import type { Logger } from "pino";
import { AppError } from "../errors/app-error.ts";
import { type BusEvent, backoffFor, type Delivery, type Subscription } from "./bus.ts";
import { newEventId } from "./event-id.ts";
import { claimEvent } from "./inbox.ts";
import type { Relay } from "./relay.ts";
import { type EventTables, eventTables } from "./tables.ts";
import { pause } from "./waker.ts";

/** What giving up needs of a consumer. */
interface GiveUpOptions<Tables extends EventTables> {
  db: Kysely<Tables>;
  log: Logger;
  consumer: string;
  relay?: Pick<Relay, "kick">;
  onGiveUp?(trx: Transaction<Tables>, event: BusEvent, error: AppError, attempts: number): Promise<void>;
}

/** A replica that died leaves its replay to the others after this long. */
const replayTakenMs = 600_000;

/**
 * Ends an event in one transaction: inbox claim, dead letter, `onGiveUp`. Tries until it succeeds, because failing
 * here would lose the event; only a shutdown interrupts it, and then the event is delivered again. An `onGiveUp` that
 * no retry can cure, as when the event cannot be read, is left out: else the event would hold its place for ever.
 */
export async function giveUp<Tables extends EventTables>(
  options: GiveUpOptions<Tables>,
  delivery: Delivery,
  error: AppError,
): Promise<void> {
  const { event, attempt, signal } = delivery;
  let { onGiveUp } = options;
  for (let failures = 0; ; failures += 1) {
    try {
      await options.db.transaction().execute(async (trx) => {
        if (!(await claimEvent(trx, options.consumer, event.id))) return;
        await recordDeadLetter(trx, options.consumer, event, error, attempt);
        await onGiveUp?.(trx, event, error, attempt);
      });
      options.relay?.kick();
      return;
    } catch (cause) {
      options.log.error(
        { err: cause, eventId: event.id, consumer: options.consumer },
        "dead letter not written",
      );
      if (onGiveUp && !AppError.from(cause).retryable) {
        onGiveUp = undefined;
        continue;
      }
      await pause(Math.min(30_000, 500 * 2 ** failures), signal);
      if (signal.aborted) throw cause;
    }
  }
}

async function recordDeadLetter<Tables extends EventTables>(
  trx: Kysely<Tables>,
  consumer: string,
  event: BusEvent,
  error: AppError,
  attempts: number,
): Promise<void> {
  const outcome = { reason: error.reason, message: error.message.slice(0, 2_000), attempts };
  await eventTables(trx)
    .insertInto("dead_letters")
    .values({
      id: newEventId(),
      consumer,
      event_id: event.id,
      subject: event.subject,
      payload: event.payload,
      traceparent: event.traceparent ?? null,
      ...outcome,
    })
    .onConflict((conflict) =>
      conflict
        .columns(["consumer", "event_id"])
        .doUpdateSet({ ...outcome, replay_requested_at: null, replay_started_at: null }),
    )
    .execute();
}

/** Settings of {@link watchDeadLetters}. */
interface ReplayOptions<Tables extends EventTables> {
  db: Kysely<Tables>;
  log: Logger;
  consumer: string;
  maxDeliver: number;
  backoffMs: readonly number[];
  pollMs: number;
  deliver(delivery: Delivery): Promise<void>;
}

/** Delivers the consumer's dead letters again once someone asks for it; what succeeds leaves the table. */
export function watchDeadLetters<Tables extends EventTables>(options: ReplayOptions<Tables>): Subscription {
  const shutdown = new AbortController();
  const { signal } = shutdown;
  const loop = (async () => {
    while (!signal.aborted) {
      try {
        const letter = await takeRequested(eventTables(options.db), options.consumer);
        if (letter) await replayOne(options, letter, signal);
        else await pause(options.pollMs, signal);
      } catch (error) {
        if (!signal.aborted)
          options.log.warn({ err: error, consumer: options.consumer }, "replay interrupted");
        await pause(options.pollMs, signal);
      }
    }
  })();
  return {
    async stop() {
      shutdown.abort();
      await loop;
    },
  };
}

interface Letter extends BusEvent {
  letterId: string;
}

async function takeRequested(db: Kysely<EventTables>, consumer: string): Promise<Letter | undefined> {
  const abandoned = sql<Date>`now() - ${replayTakenMs} * interval '1 millisecond'`;
  const requested = db
    .selectFrom("dead_letters")
    .select("id")
    .where("consumer", "=", consumer)
    .where("replay_requested_at", "is not", null)
    .where((where) =>
      where.or([where("replay_started_at", "is", null), where("replay_started_at", "<", abandoned)]),
    )
    .orderBy("replay_requested_at")
    .limit(1)
    .forUpdate()
    .skipLocked();
  const row = await db
    .updateTable("dead_letters")
    .set({ replay_started_at: sql<Date>`now()` })
    .where("id", "=", requested)
    .returning(["id", "event_id", "subject", "payload", "traceparent"])
    .executeTakeFirst();
  if (!row) return undefined;
  const { id, event_id, subject, payload, traceparent } = row;
  return { letterId: id, id: event_id, subject, payload, ...(traceparent === null ? {} : { traceparent }) };
}

async function replayOne<Tables extends EventTables>(
  options: ReplayOptions<Tables>,
  letter: Letter,
  signal: AbortSignal,
): Promise<void> {
  const db = eventTables(options.db);
  await db
    .deleteFrom("inbox")
    .where("consumer", "=", options.consumer)
    .where("event_id", "=", letter.id)
    .execute();
  let ended = false;
  for (let attempt = 1; !ended && !signal.aborted; attempt += 1) {
    try {
      const last = attempt >= options.maxDeliver;
      await options.deliver({ event: letter, attempt, last, replay: true, signal });
      ended = true;
    } catch {
      await pause(backoffFor(options.backoffMs, attempt), signal);
    }
  }
  const taken = (where: ExpressionBuilder<EventTables, "dead_letters">) =>
    // Given up again: giving up renewed the row, which carries no request any more and stays.
    where.and([where("id", "=", letter.letterId), where("replay_started_at", "is not", null)]);
  if (ended) await db.deleteFrom("dead_letters").where(taken).execute();
  else await db.updateTable("dead_letters").set({ replay_started_at: null }).where(taken).execute();
}
