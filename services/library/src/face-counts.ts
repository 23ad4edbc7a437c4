import { decodeEvent, type EventHandler } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { parseRun } from "./job.ts";
import { saveFaceCount } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

/**
 * Keeps how many faces were found, before `next` takes the event. Where nobody looked it stays unknown, and becomes so
 * again for what a job asked for once more: what was found before is deleted by then.
 */
export function countingFaces(
  db: Kysely<LibraryTables>,
  consumer: string,
  next: EventHandler<LibraryTables>,
): EventHandler<LibraryTables> {
  return async (event, context) => {
    const { photo, faces, skipped } = decodeEvent(events.photoFacesScanned, event);
    const count = skipped ? null : faces.length;
    if (photo && (!skipped || parseRun(photo.requestId))) {
      await saveFaceCount(db, photo, count, { consumer, eventId: event.id });
    }
    await next(event, context);
  };
}
