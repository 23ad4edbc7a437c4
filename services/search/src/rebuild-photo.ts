import { appendEvent, isDeletedOwner } from "@ocelli/chassis";
import { events, type eventsV1, type libraryV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely, Transaction } from "kysely";
import { eventIdAt, factsOf, indexNeeds, indexVersion } from "./documents.ts";
import { meaningOf } from "./meanings.ts";
import type { PhotoParts, Sources } from "./sources.ts";
import { markIndexed } from "./store/documents.ts";
import {
  dropForeignDocument,
  type KnownPhoto,
  type RebuiltDocument,
  replaceDocument,
} from "./store/rebuilt-documents.ts";
import { replacePhotoAlbums, replacePhotoPersons } from "./store/rebuilt-facets.ts";
import type { SearchTables } from "./store/tables.ts";

/** What building one document anew needs. */
export interface PhotoRebuild {
  db: Kysely<SearchTables>;
  engine: Engine;
  sources: Sources;
  now: () => Date;
  signal: AbortSignal;
}

// Event ids tell the time of the service that wrote them, whose clock may be behind: what it says next must count.
const clocksDifferMs = 60_000;

/** What was known before the library was asked. */
export interface KnownBefore {
  photo: KnownPhoto;
  albumRevisions: ReadonlyMap<string, number>;
}

/**
 * Builds one photo's document from what the library said, which must be newer than `before`, and what the other services
 * answer now.
 * @returns false when events changed the document since: the answers may be older than they are, and nothing is written.
 */
export async function rebuildPhoto(
  deps: PhotoRebuild,
  listed: libraryV1.IndexablePhoto & { ready: eventsV1.PhotoReady },
  photo: eventsV1.PhotoRef,
  before: KnownBefore,
): Promise<boolean> {
  // A photo that was deleted since it was listed: what is gone stays gone.
  if (before.photo.deleted) return true;
  const answered = eventIdAt(new Date(deps.now().getTime() - clocksDifferMs));
  const parts = await deps.sources.partsOf(photo, deps.signal);
  const document = {
    ...factsOf(listed.ready),
    ...(await wordsOf(deps.engine, parts, before.photo)),
    ...ownerWordsOf(listed),
    ...{ caption_event: answered, labels_event: answered, text_event: answered },
  };
  return deps.db
    .transaction()
    .execute((trx) =>
      write(trx, { photo, albumIds: listed.albumIds, before, parts, document, now: deps.now() }),
    );
}

/** Words of the document with their meanings, which are kept where the words are the same. */
async function wordsOf(engine: Engine, { caption, labels, ocrText }: PhotoParts, known: KnownPhoto) {
  const sameLabels = JSON.stringify(labels) === JSON.stringify(known.labels);
  const captionMeaning = caption === known.caption ? known.captionMeaning : null;
  const labelsMeaning = sameLabels ? known.labelsMeaning : null;
  return {
    caption: caption ?? null,
    labels: labels ?? null,
    ocr_text: ocrText ?? null,
    caption_meaning: caption === undefined ? null : (captionMeaning ?? (await meaningOf(engine, caption))),
    labels_meaning:
      labels === undefined ? null : (labelsMeaning ?? (await meaningOf(engine, labels.join(" ")))),
  };
}

/** What the owner says; before any change that is nothing, and the capture time is the file's. */
function ownerWordsOf({ ready, changed }: libraryV1.IndexablePhoto) {
  if (!changed)
    return {
      ...{ title: null, description: null, withheld: false, favorite: false, revision: 0 },
      taken_at: ready?.takenAt ?? null,
    };
  const { title, description, withheld, favorite, takenAt, revision } = changed;
  return { title, description, withheld, favorite, revision, taken_at: takenAt ?? null };
}

interface Writing {
  photo: eventsV1.PhotoRef;
  albumIds: readonly string[];
  before: KnownBefore;
  parts: PhotoParts;
  document: RebuiltDocument;
  now: Date;
}

async function write(trx: Transaction<SearchTables>, writing: Writing): Promise<boolean> {
  const { photo, albumIds, before, parts, document, now } = writing;
  const { albums, peopleRevision, ownerId, version } = before.photo;
  if (await isDeletedOwner(trx, photo.ownerId)) return true;
  if (ownerId !== null && ownerId !== photo.ownerId) await dropForeignDocument(trx, photo.photoId, ownerId);
  const written = await replaceDocument(trx, photo, document, { version, ended: endedStages(parts), now });
  if (!written) return false;
  await replacePhotoPersons(trx, photo, parts.personIds ?? [], peopleRevision);
  await replacePhotoAlbums(trx, photo, albumIds, { known: albums, revisions: before.albumRevisions });
  if (!written.indexed && indexNeeds.every((stage) => written.ended.includes(stage))) {
    await markIndexed(trx, photo.photoId, now);
    await appendEvent(trx, {
      type: events.photoIndexed,
      message: { photo, provenance: { model: indexVersion, ms: 0 } },
    });
  }
  return true;
}

/** Stages whose results are there have ended, whether or not their events came. */
function endedStages({ caption, labels, ocrText, personIds }: PhotoParts): string[] {
  const results = { caption, scene: labels, ocr: ocrText, people: personIds };
  return Object.entries(results).flatMap(([stage, result]) =>
    result !== undefined && indexNeeds.includes(stage) ? stage : [],
  );
}
