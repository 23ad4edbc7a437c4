import { events } from "@ocelli/contracts";
import { Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";
import { decodeEvent } from "../events/consumer.ts";
import { isUuid } from "../ids.ts";
import type { ServiceHost } from "../service/service-host.ts";
import { type DeletedOwnerTables, markOwnerDeleted } from "./deleted-owners.ts";
import { deleteOwnerEvents, type OwnerToDelete } from "./owned-rows.ts";

// What fails here for a passing reason is tried for an hour and a half before an operator has to replay it.
const maxDeliver = 20;

/**
 * Consumes `auth.user.deleted`: marks the owner deleted, deletes what `forget` knows of, then what events said.
 * Every delivery does all of it again, which costs nothing when nothing is left and mends what a crash left half-way.
 */
export function consumeOwnerDeletions<Tables extends DeletedOwnerTables>(
  host: ServiceHost<Tables>,
  service: string,
  forget: (owner: OwnerToDelete) => Promise<void>,
): void {
  const { db, schema } = host.database;
  host.consume({
    consumer: `${service}-owner-deletions`,
    filter: events.userDeleted.subject,
    concurrency: 1,
    maxDeliver,
    async handle(event, { signal }) {
      const { userId } = decodeEvent(events.userDeleted, event);
      if (!isUuid(userId)) throw malformed();
      const owner: OwnerToDelete = { schema, ownerId: userId, signal };
      await markOwnerDeleted(db, userId);
      await forget(owner);
      await deleteOwnerEvents(db, owner);
      host.log.info({ userId }, "everything of a deleted user is gone");
    },
  });
}

function malformed(): AppError {
  return new AppError({
    code: Status.DATA_LOSS,
    reason: "EVENT_MALFORMED",
    message: "The event names no user.",
  });
}
