import { type Database, isDeletedOwner, permissionDenied, type Relay, withOutbox } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { appendPeopleChanges } from "./people-events.ts";
import { deleteEmptyPersons } from "./store/empty-persons.ts";
import { beginChange } from "./store/owners.ts";
import type { FaceTables } from "./store/tables.ts";

/** What {@link createPersonChanger} stands on. */
export interface PersonChangerOptions {
  database: Pick<Database<FaceTables>, "db">;
  relay: Pick<Relay, "kick">;
  now: () => Date;
}

/** A change of an owner's persons under way. */
export interface PersonChange {
  trx: Transaction<FaceTables>;
  ownerId: string;
  /** When it is made. */
  at: Date;
  revision: number;
  /** Notes persons of whom others have to hear. */
  tellPersons(personIds: Iterable<string>): void;
  /** Notes photos with other persons on them than before. */
  tellPhotos(photoIds: Iterable<string>): void;
  /** Deletes those of the persons that only a model made, and that have no face any more. */
  dissolve(personIds: Iterable<string>): Promise<void>;
}

/** Runs changes of persons: of one owner one after the other, told of when they are made, and only then. */
export interface PersonChanger {
  /** @throws AppError PERMISSION_DENIED/ACCOUNT_DELETED, and what `work` throws; nothing is changed then. */
  change<Result>(ownerId: string, work: (change: PersonChange) => Promise<Result>): Promise<Result>;
}

/** Creates what all human words about persons go through. */
export function createPersonChanger({ database, relay, now }: PersonChangerOptions): PersonChanger {
  return {
    change: (ownerId, work) =>
      withOutbox(database.db, relay, async (trx) => {
        // Before the owner's turn, as everywhere: two transactions that asked in different orders, and the deletion of
        // the owner between them, would wait for one another.
        if (await isDeletedOwner(trx, ownerId)) throw accountDeleted();
        const revision = await beginChange(trx, ownerId);
        const personIds = new Set<string>();
        const photoIds = new Set<string>();
        const note = (set: Set<string>) => (ids: Iterable<string>) => {
          for (const id of ids) set.add(id);
        };
        const tellPersons = note(personIds);
        const result = await work({
          trx,
          ownerId,
          at: now(),
          revision,
          tellPersons,
          tellPhotos: note(photoIds),
          dissolve: async (ids) => tellPersons(await deleteEmptyPersons(trx, ownerId, [...new Set(ids)])),
        });
        await appendPeopleChanges(trx, {
          ownerId,
          revision,
          photoIds: [...photoIds],
          personIds: [...personIds],
        });
        return result;
      }),
  };
}

function accountDeleted() {
  return permissionDenied("ACCOUNT_DELETED", "This account was deleted.");
}
