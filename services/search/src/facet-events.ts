import { type BusEvent, decodeEvent, isDeletedOwner, isUuid, type ServiceHost } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import { saveAlbum, saveAlbumPhotos } from "./store/albums.ts";
import { savePerson, savePhotoPersons } from "./store/people.ts";
import type { SearchTables } from "./store/tables.ts";

/** What an event changes for an owner. */
interface Change {
  ownerId: string;
  effect: (trx: Transaction<SearchTables>) => Promise<void>;
}

/** Consumes what is said of persons and of albums; both may come before the photos they are about. */
export function consumeFacets(host: ServiceHost<SearchTables>): void {
  consume(host, "search-people", "ocelli.face.*.changed", peopleChange);
  consume(host, "search-albums", "ocelli.library.album.*", albumChange);
}

function consume(
  host: ServiceHost<SearchTables>,
  consumer: string,
  filter: string,
  changeOf: (event: BusEvent) => Change | undefined,
): void {
  host.consume({
    consumer,
    cheap: true,
    filter,
    concurrency: 2,
    async handle(event, { once }) {
      const change = changeOf(event);
      if (!change) return;
      await once(async (trx) => {
        if (!(await isDeletedOwner(trx, change.ownerId))) await change.effect(trx);
      });
    },
  });
}

function peopleChange(event: BusEvent): Change | undefined {
  if (event.subject === events.photosPeopleChanged.subject) {
    const { ownerId, photos, revision } = decodeEvent(events.photosPeopleChanged, event);
    return { ownerId, effect: (trx) => savePhotoPersons(trx, ownerId, photos, revision) };
  }
  if (event.subject !== events.personChanged.subject) return undefined;
  const { ownerId, personId, name, hidden, deleted, mergedInto, revision } = decodeEvent(
    events.personChanged,
    event,
  );
  const merged_into = isUuid(mergedInto) ? mergedInto : null;
  const person = { person_id: personId, owner_id: ownerId, name, hidden, deleted, merged_into, revision };
  return { ownerId, effect: (trx) => savePerson(trx, person) };
}

function albumChange(event: BusEvent): Change | undefined {
  if (event.subject === events.albumChanged.subject) {
    const { albumId, ownerId, name, deleted, revision } = decodeEvent(events.albumChanged, event);
    const album = { album_id: albumId, owner_id: ownerId, name, deleted, revision };
    return { ownerId, effect: (trx) => saveAlbum(trx, album) };
  }
  if (event.subject !== events.albumPhotosChanged.subject) return undefined;
  const { albumId, ownerId, addedPhotoIds, removedPhotoIds, revision } = decodeEvent(
    events.albumPhotosChanged,
    event,
  );
  const said = { albumId, ownerId, revision };
  return {
    ownerId,
    async effect(trx) {
      await saveAlbumPhotos(trx, { ...said, photoIds: removedPhotoIds, present: false });
      await saveAlbumPhotos(trx, { ...said, photoIds: addedPhotoIds, present: true });
    },
  };
}
