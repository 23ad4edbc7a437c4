import { decodeEvent, type EventHandler } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { saveFaceCount } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

/** Keeps how many faces were found, before `next` takes the event. */
export function countingFaces(
  db: Kysely<LibraryTables>,
  consumer: string,
  next: EventHandler<LibraryTables>,
): EventHandler<LibraryTables> {
  return async (event, context) => {
    const { photo, faces } = decodeEvent(events.photoFacesScanned, event);
    if (photo) await saveFaceCount(db, photo, faces.length, { consumer, eventId: event.id });
    await next(event, context);
  };
}
