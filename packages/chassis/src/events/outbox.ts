import type { EventType } from "@ocelli/contracts";
import type { Kysely, Transaction } from "kysely";
import { Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";
import { newEventId } from "./event-id.ts";
import type { Relay } from "./relay.ts";
import { type EventTables, eventTables } from "./tables.ts";
import { traceparentOf } from "./trace-context.ts";

export { createRelay, type Relay, type RelayOptions } from "./relay.ts";

/** Largest encoded event: half of what a NATS server takes by default (1 MiB), so that headers always fit. */
export const maxEventBytes = 512 * 1024;

/** What {@link appendEvent} writes. */
export interface NewEvent<T> {
  type: EventType<T>;
  /** Fields of the message; absent ones take their protobuf default. */
  message: Parameters<EventType<T>["message"]["fromPartial"]>[0];
  /** Outbox id; a fresh UUIDv7 by default. */
  id?: string;
}

/**
 * Writes an event inside the caller's transaction: it is published if and only if the transaction commits.
 * Call the relay's `kick()` after the commit, or use {@link withOutbox}.
 * @returns the event's id.
 * @throws AppError INTERNAL/EVENT_TOO_LARGE above {@link maxEventBytes}.
 */
export async function appendEvent<T, Tables extends EventTables>(
  trx: Kysely<Tables>,
  event: NewEvent<T>,
): Promise<string> {
  const row = toOutboxRow(event);
  await eventTables(trx).insertInto("outbox").values(row).execute();
  return row.id;
}

/** {@link appendEvent} for many events of one type, a thousand to a statement. */
export async function appendEvents<T, Tables extends EventTables>(
  trx: Kysely<Tables>,
  type: EventType<T>,
  messages: ReadonlyArray<NewEvent<T>["message"]>,
): Promise<void> {
  const rows = messages.map((message) => toOutboxRow({ type, message }));
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    await eventTables(trx)
      .insertInto("outbox")
      .values(rows.slice(start, start + rowsAtOnce))
      .execute();
  }
}

// Four parameters each; the protocol counts them in 16 bits.
const rowsAtOnce = 1_000;

function toOutboxRow<T>(event: NewEvent<T>) {
  const { subject, message } = event.type;
  const payload = message.encode(message.fromPartial(event.message)).finish();
  if (payload.byteLength > maxEventBytes) {
    throw new AppError({
      code: Status.INTERNAL,
      reason: "EVENT_TOO_LARGE",
      message: `The event ${subject} has ${payload.byteLength} bytes; at most ${maxEventBytes} can travel.`,
    });
  }
  return { id: event.id ?? newEventId(), subject, payload, traceparent: traceparentOf() ?? null };
}

/** Runs a transaction that may append events, and wakes the relay once it has committed. */
export async function withOutbox<Tables extends EventTables, Result>(
  db: Kysely<Tables>,
  relay: Pick<Relay, "kick">,
  work: (trx: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  const result = await db.transaction().execute(work);
  relay.kick();
  return result;
}
