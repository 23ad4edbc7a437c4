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
import type { Engine } from "@ocelli/inference";
import type { Transaction } from "kysely";
import { documentPartOf, factsOf, indexNeeds, indexVersion, sentenceOf } from "./documents.ts";
import { consumeDuplicates } from "./duplicate-detection.ts";
import { consumeFacets } from "./facet-events.ts";
import { meaningOf } from "./meanings.ts";
import { markPicture, type PictureMarks } from "./picture-hash.ts";
import {
  addToDocument,
  changeDocument,
  deleteDocument,
  isDeletedDocument,
  markIndexed,
} from "./store/documents.ts";
import { findMarksOfBytes, savePicture } from "./store/duplicate-pictures.ts";
import { listVectorTables } from "./store/index-models.ts";
import { savePhotoPersons } from "./store/people.ts";
import { ownedTables, type SearchTables } from "./store/tables.ts";
import type { IndexVectors } from "./vectors/index-vectors.ts";
import type { ModelVector } from "./vectors.ts";

/** What the consumers need. */
export interface SearchEventDependencies {
  host: ServiceHost<SearchTables>;
  engine: Engine;
  vectors: IndexVectors;
  previews: PreviewSource;
  now: () => Date;
  limits: StageLimits;
}

/**
 * Consumes `library.photo.ready` and `library.photo.requested` (embed), everything said of photos, persons and albums
 * (index) and `auth.user.deleted` (forget); emits
 * `search.photo.embedded` and, once a photo's document is complete, `search.photo.indexed`.
 */
export function consumeSearchEvents(dependencies: SearchEventDependencies): void {
  consumeEmbedding(dependencies);
  consumeDocuments(dependencies);
  const { host } = dependencies;
  consumeFacets(host);
  consumeDuplicates(dependencies);
  consumeOwnerDeletions(host, "search", async (owner) => {
    const { db } = host.database;
    const ofModels = (await listVectorTables(db)).flatMap(({ vectors, codes }) => [vectors, codes]);
    await deleteOwnedRows(db, [...ofModels, ...ownedTables], owner);
  });
}

function consumeEmbedding({ host, vectors, previews, now, limits }: SearchEventDependencies): void {
  consumeStage<SearchTables, ModelVector & { marks: PictureMarks }>(
    host,
    "search",
    {
      stage: "embed",
      model: vectors.model,
      triggers: [events.photoReady.subject],
      photoOf: photoOfTrigger(events.photoReady),
      async findBySha256(sha256) {
        const { model } = vectors;
        const embedding = await vectors.findOfBytes(sha256);
        const marks = embedding && (await findMarksOfBytes(host.database.db, sha256));
        return embedding && marks && { model, embedding, marks };
      },
      async analyze(photo, _event, signal) {
        const image = await previews.open(photo, ["embed"], signal);
        const [vector, marks] = await Promise.all([vectors.embedPicture(image, signal), markPicture(image)]);
        return { ...vector, marks };
      },
      isDeleted: async (trx, photo) =>
        (await isDeletedOwner(trx, photo.ownerId)) || (await addToDocument(trx, photo, {})) === undefined,
      async save(trx, photo, { result: { model, embedding, marks }, ms }) {
        await vectors.save(trx, photo, embedding, model);
        await savePicture(trx, photo, marks);
        await appendEvent(trx, { type: events.photoEmbedded, message: { photo, provenance: { model, ms } } });
        await extendDocument(trx, photo, {}, "embed", now());
      },
    },
    limits,
  );
}

const documentsConsumer = "search-documents";

function consumeDocuments({ host, engine, now }: SearchEventDependencies): void {
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
      const said = await whatIsSaid(event, engine, now);
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
  if (event.subject === events.photoGrouped.subject) return decodeEvent(events.photoGrouped, event).photo;
  if (!isStageFailedSubject(event.subject)) return documentPartOf(event)?.photo;
  const { photo, stage } = decodeEvent(photoStageFailed("any"), event);
  return indexNeeds.includes(stage) ? photo : undefined;
}

/** A photo that an event is about, and what follows from it. */
interface Said {
  photo: eventsV1.PhotoRef;
  effect: (trx: Transaction<SearchTables>) => Promise<void>;
}

async function whatIsSaid(event: BusEvent, engine: Engine, now: () => Date): Promise<Said | undefined> {
  if (event.subject === events.photoDeleted.subject) {
    const { photo } = decodeEvent(events.photoDeleted, event);
    return photo && { photo, effect: (trx) => deleteDocument(trx, photo) };
  }
  if (event.subject === events.photoStagesRequested.subject) return whatIsRequested(event, now);
  if (event.subject === events.photoChanged.subject) {
    const { photo, takenAt, ...said } = decodeEvent(events.photoChanged, event);
    const { title, description, withheld, favorite, revision } = said;
    const words = { title, description, withheld, favorite, taken_at: takenAt ?? null, revision };
    return photo && { photo, effect: (trx) => changeDocument(trx, photo, words) };
  }
  if (isStageFailedSubject(event.subject)) {
    const { photo, stage } = decodeEvent(photoStageFailed("any"), event);
    return photo && { photo, effect: (trx) => extendDocument(trx, photo, {}, stage, now()) };
  }
  if (event.subject === events.photoGrouped.subject) return whoIsOn(event, now);
  const addition = documentPartOf(event);
  if (!addition) return undefined;
  const { photo, stage } = addition;
  const sentence = sentenceOf(addition);
  // Before the transaction: inference inside would keep others from the store.
  const meaning = sentence && { [sentence.column]: await meaningOf(engine, sentence.text) };
  const part = { ...addition.part, ...meaning };
  return { photo, effect: (trx) => extendDocument(trx, photo, part, stage, now()) };
}

/** The persons of a photo, known for the first time or looked for again. */
function whoIsOn(event: BusEvent, now: () => Date): Said | undefined {
  const { photo, personIds, revision } = decodeEvent(events.photoGrouped, event);
  if (!photo) return undefined;
  const persons = [{ photoId: photo.photoId, personIds }];
  return {
    photo,
    async effect(trx) {
      await extendDocument(trx, photo, {}, "people", now());
      await savePhotoPersons(trx, photo.ownerId, persons, revision);
    },
  };
}

/** The index asked for again: the document is complete with what it holds by now. */
function whatIsRequested(event: BusEvent, now: () => Date): Said | undefined {
  const photo = requestedPhoto(event, "index");
  if (!photo) return undefined;
  const { ready } = decodeEvent(events.photoStagesRequested, event);
  const part = ready ? factsOf(ready) : {};
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
