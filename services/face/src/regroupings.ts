import { isDeletedOwner, notFound } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { Regrouping, RegroupingState } from "./rpc/grouping-handlers.ts";
import { findRegrouping, requestRegrouping } from "./store/regroup-owners.ts";
import type { FaceTables } from "./store/tables.ts";

const never: RegroupingState = {
  requestedAt: null,
  finishedAt: null,
  facesSeen: 0,
  facesAssigned: 0,
  peopleMade: 0,
};

/** Creates the rules by which owners ask to be regrouped; the work itself is done in the background. */
export function createRegroupings({ db }: { db: Kysely<FaceTables> }): Regrouping {
  const get = async (ownerId: string) => (await findRegrouping(db, ownerId)) ?? never;
  return {
    get,

    async request(ownerId) {
      await db.transaction().execute(async (trx) => {
        if (await isDeletedOwner(trx, ownerId)) throw notFound("USER_NOT_FOUND", "There is no such user.");
        await requestRegrouping(trx, ownerId);
      });
      return get(ownerId);
    },
  };
}
