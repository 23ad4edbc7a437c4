import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/**
 * Deletes what was told of photos that the same transaction deletes: entries of the owner's feed, deliveries of webhooks
 * and uploads in pieces. Call after the feed was appended to, which locks it before its entries.
 */
export async function deletePhotoRemains(
  trx: Store,
  ownerId: string,
  photoIds: readonly string[],
): Promise<void> {
  if (photoIds.length === 0) return;
  const ids = sql`any(${[...photoIds]}::uuid[])`;
  const subjects = sql`any(${[...photoIds]}::text[])`;
  await sql`
    with told as (
      delete from library.feed
      where owner_id = ${ownerId} and subject_id = ${subjects} and type <> 'photo.deleted'
    ), sent as (
      delete from library.webhook_deliveries
      where owner_id = ${ownerId} and subject_id = ${subjects} and type <> 'photo.deleted'
    )
    delete from library.uploads where owner_id = ${ownerId} and photo_id = ${ids}`.execute(trx);
}

/** Deletes deliveries about photos that went while they were being taken from the feed. */
export async function deleteLateDeliveries(db: Store): Promise<void> {
  await sql`
    delete from library.webhook_deliveries d
    where d.type like 'photo.%' and d.type <> 'photo.deleted'
      and not exists (
        select from library.photos p
        where p.id = case when d.subject_id ~ '^[0-9a-f-]{36}$' then d.subject_id::uuid end
      )`.execute(db);
}
