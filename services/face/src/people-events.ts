import { appendEvents } from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { findPersonStates, listPhotoPeople } from "./store/people-changes.ts";
import type { FaceTables } from "./store/tables.ts";

/** What to tell of a change of an owner's persons. */
export interface PeopleChange {
  ownerId: string;
  /** Answer of `beginChange`. */
  revision: number;
  /** Photos with other persons on them than before; repeats do no harm. */
  photoIds: readonly string[];
  /** Persons that were made, changed, merged or dissolved; those that are no more are told to be deleted. */
  personIds: readonly string[];
}

/** Photos per event, as the contract promises. */
const photosPerEvent = 500;
/** An id takes 38 bytes and an event may have 512 KiB: group pictures fill one before there are 500 of them. */
const idsPerEvent = 8_000;
/** Photos or persons asked of the database at once. */
const idsAtOnce = 5_000;

/**
 * Tells, as the last of the transaction that makes a change, how its photos and persons are now. Wake the relay after
 * the commit.
 */
export async function appendPeopleChanges(
  trx: Kysely<FaceTables>,
  { ownerId, revision, photoIds, personIds }: PeopleChange,
): Promise<void> {
  for (const ids of slices(personIds)) {
    const states = await findPersonStates(trx, ownerId, ids);
    const messages = states.map((state) => ({ ...state, ownerId, revision }));
    await appendEvents(trx, events.personChanged, messages);
  }
  for (const ids of slices(photoIds)) {
    const people = await listPhotoPeople(trx, ownerId, ids);
    const messages = perEvent(people).map((photos) => ({ ownerId, revision, photos }));
    await appendEvents(trx, events.photosPeopleChanged, messages);
  }
}

function* slices(ids: readonly string[]): Generator<string[]> {
  const each = [...new Set(ids)].sort();
  for (let start = 0; start < each.length; start += idsAtOnce) yield each.slice(start, start + idsAtOnce);
}

function perEvent(photos: readonly eventsV1.PhotoPeople[]): eventsV1.PhotoPeople[][] {
  const all: eventsV1.PhotoPeople[][] = [];
  let current: eventsV1.PhotoPeople[] = [];
  let ids = 0;
  for (const photo of photos) {
    const more = 1 + photo.personIds.length;
    if (current.length === photosPerEvent || (current.length > 0 && ids + more > idsPerEvent)) {
      all.push(current);
      current = [];
      ids = 0;
    }
    current.push(photo);
    ids += more;
  }
  return current.length > 0 ? [...all, current] : all;
}
