import { type Kysely, type RawBuilder, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** What an event said of an account. */
export interface OwnerClosure {
  ownerId: string;
  disabled: boolean;
  /** UUIDv7. */
  eventId: string;
}

/** Keeps what was said last of an account; what was said before that changes nothing, whenever it arrives. */
export async function saveClosure(trx: Store, { ownerId, disabled, eventId }: OwnerClosure): Promise<void> {
  await sql`
    insert into library.disabled_owners as known (owner_id, disabled, event_id)
    values (${ownerId}, ${disabled}, ${eventId})
    on conflict (owner_id) do update
    set disabled = excluded.disabled, event_id = excluded.event_id, at = now()
    where known.event_id < excluded.event_id`.execute(trx);
}

/** True for an owner whose account is closed. `ownerId` is an expression of type uuid. */
export function isDisabled(ownerId: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`exists (select from library.disabled_owners x where x.owner_id = ${ownerId} and x.disabled)`;
}
