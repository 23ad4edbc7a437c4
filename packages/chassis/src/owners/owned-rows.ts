import { events } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { type EventTables, eventTables } from "../events/tables.ts";

/** What is deleted, and when to leave off. */
export interface OwnerToDelete {
  /** Schema of the service. */
  schema: string;
  ownerId: string;
  /** Aborted on shutdown: the rest follows when the event is delivered again. */
  signal: AbortSignal;
}

// Short transactions, so that an owner of a hundred thousand photos keeps nobody waiting.
const rowsAtOnce = 1_000;

/** Deletes all rows of an owner from tables with an `owner_id`, in the given order, a thousand at a time. */
export async function deleteOwnedRows<Tables>(
  db: Kysely<Tables>,
  tables: readonly string[],
  { schema, ownerId, signal }: OwnerToDelete,
): Promise<void> {
  for (const name of tables) {
    const table = sql.table(`${schema}.${name}`);
    for (let more = true; more; ) {
      signal.throwIfAborted();
      // The owner twice: partitions of one table number their rows alike, so that a place alone may be another's.
      const { numAffectedRows = 0n } = await sql`
        delete from ${table} where owner_id = ${ownerId} and ctid = any(array(
          select ctid from ${table} where owner_id = ${ownerId} limit ${rowsAtOnce}
        ))`.execute(db);
      more = numAffectedRows > 0n;
    }
  }
}

/**
 * Deletes what outbox and dead letters hold about photos of an owner: events carry captions, texts and file names, and
 * are kept for days. Events that were not sent yet are deleted too; nobody is to hear of these photos any more.
 */
export async function deleteOwnerEvents<Tables extends EventTables>(
  db: Kysely<Tables>,
  { ownerId, ...where }: OwnerToDelete,
): Promise<void> {
  await deleteEvents(db, where, mentions(ownerId));
}

/**
 * The same for photos that are gone, but for the event that says so.
 * @param isGone - condition for a photo id, an expression of type uuid.
 */
export async function deletePhotoEvents<Tables extends EventTables>(
  db: Kysely<Tables>,
  where: Omit<OwnerToDelete, "ownerId">,
  isGone: (photoId: RawBuilder<string>) => RawBuilder<boolean>,
): Promise<void> {
  const told = sql.lit(events.photoDeleted.subject);
  await deleteEvents(db, where, sql`subject <> ${told} and ${isGone(photoIdOfPayload)}`);
}

async function deleteEvents<Tables extends EventTables>(
  db: Kysely<Tables>,
  { schema, signal }: Omit<OwnerToDelete, "ownerId">,
  condition: RawBuilder<unknown>,
): Promise<void> {
  for (const name of ["outbox", "dead_letters"]) {
    const table = sql.table(`${schema}.${name}`);
    for (let last: string | undefined = firstId; last !== undefined; ) {
      signal.throwIfAborted();
      // A page at a time, by id: neither table knows owners or photos, so every row is looked at once.
      const page = await sql<{ last: string }>`
        with page as (
          select id, subject, payload from ${table} where id > ${last}::uuid order by id limit ${rowsAtOnce}
        ), gone as (
          delete from ${table} where id in (select id from page where ${condition})
        )
        select id as last from page order by id desc limit 1`.execute(db);
      last = page.rows[0]?.last;
    }
  }
}

/** Deletes the dead letter of one event, in the transaction that has just written it. */
export async function dropDeadLetter<Tables extends EventTables>(
  trx: Kysely<Tables>,
  consumer: string,
  eventId: string,
): Promise<void> {
  await eventTables(trx)
    .deleteFrom("dead_letters")
    .where("consumer", "=", consumer)
    .where("event_id", "=", eventId)
    .execute();
}

const firstId = "00000000-0000-0000-0000-000000000000";

/**
 * True for payloads that begin with the owner, or with a `PhotoRef` of the owner. That is the first field of every event
 * about a photo, and within it `owner_id` is field 2 (tag 0x12) of 36 (0x24) bytes; events about other things of an
 * owner have `owner_id` as field 1 (tag 0x0a) or 2. What users wrote lies behind it, so that nobody can pass for
 * somebody else here.
 */
function mentions(ownerId: string) {
  const owner = Buffer.from(ownerId, "latin1");
  const [first, second] = [0x0a, 0x12].map((tag) => Buffer.concat([Buffer.of(tag, owner.byteLength), owner]));
  return sql`(position(${second}::bytea in substring(payload from 1 for ${photoRefHead})) > 0
    or position(${first}::bytea in payload) = 1)`;
}

/**
 * The photo that a payload begins with; null without one. `photo_id` is field 1 (tag 0x0a) of 36 bytes within field 1
 * of the event, whose length takes one byte or two.
 */
const photoIdOfPayload: RawBuilder<string> = sql`(select case
  when text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then text::uuid end from (select encode(case
    when substring(payload from 3 for 2) = '\\x0a24'::bytea then substring(payload from 5 for 36)
    when substring(payload from 4 for 2) = '\\x0a24'::bytea then substring(payload from 6 for 36)
  end, 'escape') as text) as found)`;

/** Bytes up to the end of `owner_id`: tags and lengths (at most 3 + 2 + 2) and two ids of 36. */
const photoRefHead = 7 + 2 * 36;
