import {
  appendStageFailed,
  consumeStage,
  type PreviewSource,
  photoOfTrigger,
  requestedPhoto,
  type StageLimits,
} from "@ocelli/analysis";
import {
  appendEvent,
  type BusEvent,
  consumeOwnerDeletions,
  createEventEraser,
  decodeEvent,
  deleteOwnedRows,
  deletePhotoEvents,
  dropDeadLetter,
  isDeletedOwner,
  type ServiceHost,
} from "@ocelli/chassis";
import { events, type eventsV1, isStageFailedSubject, photoStageFailed } from "@ocelli/contracts";
import { type Engine, embedImage } from "@ocelli/inference";
import type { Transaction } from "kysely";
import { documentPartOf, indexNeeds, indexVersion } from "./documents.ts";
import {
  addToDocument,
  changeDocument,
  deleteDocument,
  isDeletedDocument,
  markIndexed,
} from "./store/documents.ts";
import { findEmbeddingOfBytes, saveEmbedding } from "./store/embeddings.ts";
import { ownedTables, type SearchTables } from "./store/tables.ts";
import { visionModel } from "./vision-model.ts";

/** What the consumers need. */
export interface SearchEventDependencies {
  host: ServiceHost<SearchTables>;
  engine: Engine;
  previews: PreviewSource;
  now: () => Date;
  limits: StageLimits;
}

/**
 * Consumes `library.photo.ready` and `library.photo.requested` (embed), everything said of photos (index) and `auth.user.deleted` (forget); emits
 * `search.photo.embedded` and, once a photo's document is complete, `search.photo.indexed`.
 */
export function consumeSearchEvents(dependencies: SearchEventDependencies): void {
  consumeEmbedding(dependencies);
  consumeDocuments(dependencies);
  const { host } = dependencies;
  consumeOwnerDeletions(host, "search", (owner) => deleteOwnedRows(host.database.db, ownedTables, owner));
}

function consumeEmbedding({ host, engine, previews, now, limits }: SearchEventDependencies): void {
  const { db } = host.database;
  const model = visionModel(engine);
  consumeStage<SearchTables, Float32Array>(
    host,
    "search",
    {
      stage: "embed",
      model,
      triggers: [events.photoReady.subject],
      photoOf: photoOfTrigger(events.photoReady),
      findBySha256: (sha256) => findEmbeddingOfBytes(db, sha256, model),
      async analyze(photo, _event, signal) {
        return (await embedImage(engine, await previews.open(photo, ["embed"], signal), { signal }))
          .embedding;
      },
      isDeleted: async (trx, photo) =>
        (await isDeletedOwner(trx, photo.ownerId)) || (await addToDocument(trx, photo, {})) === undefined,
      async save(trx, photo, { result, ms }) {
        await saveEmbedding(trx, photo, model, result);
        await appendEvent(trx, { type: events.photoEmbedded, message: { photo, provenance: { model, ms } } });
        await extendDocument(trx, photo, {}, "embed", now());
      },
    },
    limits,
  );
}

const documentsConsumer = "search-documents";

function consumeDocuments({ host, now }: SearchEventDependencies): void {
  const { db, schema } = host.database;
  const eraser = createEventEraser({
    erase: (signal) => deletePhotoEvents(db, { schema, signal }, isDeletedDocument),
    log: host.log,
  });
  host.onStop(eraser.stop);
  host.consume({
    consumer: documentsConsumer,
    cheap: true,
    filter: "ocelli.*.photo.*",
    concurrency: 4,
    async handle(event, { once }) {
      const said = whatIsSaid(event, now);
      if (!said) return;
      await once(async (trx) => {
        if (!(await isDeletedOwner(trx, said.photo.ownerId))) await said.effect(trx);
      });
      if (event.subject === events.photoDeleted.subject) eraser.kick();
    },
    // A document that lacks a part is never complete: without this the stage would stay open for ever.
    async onGiveUp(trx, event, error, attempts) {
      const photo = photoInDocument(event);
      if (photo && (await isDeletedOwner(trx, photo.ownerId)))
        await dropDeadLetter(trx, documentsConsumer, event.id);
      else if (photo) await appendStageFailed(trx, "search", "index", photo, error, attempts);
    },
  });
}

/** The photo whose index waits for an event. Never of the index's own failure: giving that up must not repeat it. */
function photoInDocument(event: BusEvent): eventsV1.PhotoRef | undefined {
  if (!isStageFailedSubject(event.subject)) return documentPartOf(event)?.photo;
  const { photo, stage } = decodeEvent(photoStageFailed("any"), event);
  return indexNeeds.includes(stage) ? photo : undefined;
}

/** A photo that an event is about, and what follows from it. */
interface Said {
  photo: eventsV1.PhotoRef;
  effect: (trx: Transaction<SearchTables>) => Promise<void>;
}

function whatIsSaid(event: BusEvent, now: () => Date): Said | undefined {
  if (event.subject === events.photoDeleted.subject) {
    const { photo } = decodeEvent(events.photoDeleted, event);
    return photo && { photo, effect: (trx) => deleteDocument(trx, photo) };
  }
  if (event.subject === events.photoStagesRequested.subject) return whatIsRequested(event, now);
  if (event.subject === events.photoChanged.subject) {
    const { photo, title, description, withheld, takenAt, revision } = decodeEvent(
      events.photoChanged,
      event,
    );
    const words = { title, description, withheld, taken_at: takenAt ?? null, revision };
    return photo && { photo, effect: (trx) => changeDocument(trx, photo, words) };
  }
  if (isStageFailedSubject(event.subject)) {
    const { photo, stage } = decodeEvent(photoStageFailed("any"), event);
    return photo && { photo, effect: (trx) => extendDocument(trx, photo, {}, stage, now()) };
  }
  const addition = documentPartOf(event);
  if (!addition) return undefined;
  const { photo, part, stage } = addition;
  return { photo, effect: (trx) => extendDocument(trx, photo, part, stage, now()) };
}

/** The index asked for again: the document is complete with what it holds by now. */
function whatIsRequested(event: BusEvent, now: () => Date): Said | undefined {
  const photo = requestedPhoto(event, "index");
  if (!photo) return undefined;
  const { ready } = decodeEvent(events.photoStagesRequested, event);
  const part = ready ? { filename: ready.filename, taken_at: ready.takenAt ?? null } : {};
  return {
    photo,
    async effect(trx) {
      if (await addToDocument(trx, photo, part)) await completeDocument(trx, photo, now());
    },
  };
}

async function extendDocument(
  trx: Transaction<SearchTables>,
  photo: eventsV1.PhotoRef,
  part: Parameters<typeof addToDocument>[2],
  stage: string | undefined,
  now: Date,
): Promise<void> {
  const needed = stage !== undefined && indexNeeds.includes(stage) ? stage : undefined;
  const document = await addToDocument(trx, photo, part, needed);
  if (!document || document.indexed || !indexNeeds.every((each) => document.ended.includes(each))) return;
  await completeDocument(trx, photo, now);
}

async function completeDocument(
  trx: Transaction<SearchTables>,
  photo: eventsV1.PhotoRef,
  now: Date,
): Promise<void> {
  await markIndexed(trx, photo.photoId, now);
  await appendEvent(trx, {
    type: events.photoIndexed,
    message: { photo, provenance: { model: indexVersion, ms: 0 } },
  });
}
