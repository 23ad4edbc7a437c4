import { isDeletedOwner } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { Sources } from "./sources.ts";
import { listOwners } from "./store/rebuild.ts";
import {
  findKnownPersons,
  listKnownAlbums,
  removeAlbum,
  replaceAlbum,
  replacePerson,
} from "./store/rebuilt-facets.ts";
import type { SearchTables } from "./store/tables.ts";

/** What building persons and albums anew needs. */
export interface FacetRebuild {
  db: Kysely<SearchTables>;
  sources: Sources;
  signal: AbortSignal;
  /** Called now and then; throws when somebody else works on the rebuild by now. */
  keepLease(): Promise<void>;
}

const smallestId = "00000000-0000-0000-0000-000000000000";
const albumsPerLease = 500;

/** Writes everybody's albums anew. Those that were here before the library was asked, and that it does not name, are gone. */
export async function rebuildAlbums({ db, sources, signal, keepLease }: FacetRebuild): Promise<void> {
  const gone = await listKnownAlbums(db);
  let count = 0;
  for await (const { albumId, ownerId, name, deleted, revision } of sources.albums(signal)) {
    gone.delete(albumId);
    if (count++ % albumsPerLease === 0) await keepLease();
    await db.transaction().execute(async (trx) => {
      if (await isDeletedOwner(trx, ownerId)) return;
      await replaceAlbum(trx, { album_id: albumId, owner_id: ownerId, name, deleted, revision });
    });
  }
  for (const [albumId, ownerId] of gone)
    await db.transaction().execute((trx) => removeAlbum(trx, { albumId, ownerId }));
}

/** Writes everybody's persons anew. */
export async function rebuildPeople(deps: FacetRebuild): Promise<void> {
  const limit = 500;
  let after = smallestId;
  for (;;) {
    const owners = await listOwners(deps.db, { after, limit });
    for (const ownerId of owners) {
      await deps.keepLease();
      await rebuildPeopleOf(deps, ownerId);
    }
    const last = owners.at(-1);
    if (last === undefined || owners.length < limit) return;
    after = last;
  }
}

async function rebuildPeopleOf({ db, sources, signal }: FacetRebuild, ownerId: string): Promise<void> {
  const known = await findKnownPersons(db, ownerId);
  const unnamed = new Set([...known].flatMap(([id, { deleted }]) => (deleted ? [] : id)));
  const write = (id: string, state: { name: string; hidden: boolean; deleted: boolean }) =>
    db.transaction().execute(async (trx) => {
      if (await isDeletedOwner(trx, ownerId)) return;
      await replacePerson(trx, { person_id: id, owner_id: ownerId, ...state }, known.get(id)?.revision);
    });
  for await (const { id, name, hidden } of sources.people(ownerId, signal)) {
    unnamed.delete(id);
    await write(id, { name, hidden, deleted: false });
  }
  for (const id of unnamed) {
    // The list is in an order that changes: whoever moved past a page's end is not gone.
    if (await sources.isPerson(ownerId, id, signal)) continue;
    await write(id, { name: "", hidden: false, deleted: true });
  }
}
