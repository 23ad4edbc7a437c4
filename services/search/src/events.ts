import {
  appendStageFailed,
  consumeStage,
  type PreviewSource,
  photoOfTrigger,
  type StageLimits,
} from "@ocelli/analysis";
import { appendEvent, type BusEvent, decodeEvent, type ServiceHost } from "@ocelli/chassis";
import { events, type eventsV1, isStageFailedSubject, photoStageFailed } from "@ocelli/contracts";
import { type Engine, embedImage } from "@ocelli/inference";
import type { Transaction } from "kysely";
import { documentPartOf, indexNeeds, indexVersion } from "./documents.ts";
import { addToDocument, deleteDocument, markIndexed } from "./store/documents.ts";
import { findEmbeddingOfBytes, saveEmbedding } from "./store/embeddings.ts";
import type { SearchTables } from "./store/tables.ts";
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
 * Consumes `library.photo.ready` (embed) and everything said of photos (index); emits `search.photo.embedded` and,
 * once a photo's document is complete, `search.photo.indexed`.
 */
export function consumeSearchEvents(dependencies: SearchEventDependencies): void {
  consumeEmbedding(dependencies);
  consumeDocuments(dependencies);
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
      filter: events.photoReady.subject,
      photoOf: photoOfTrigger(events.photoReady),
      findBySha256: (sha256) => findEmbeddingOfBytes(db, sha256, model),
      async analyze(photo, _event, signal) {
        return (await embedImage(engine, await previews.open(photo, ["embed"], signal), { signal }))
          .embedding;
      },
      isDeleted: async (trx, photo) => (await addToDocument(trx, photo, {})) === undefined,
      async save(trx, photo, { result, ms }) {
        await saveEmbedding(trx, photo, model, result);
        await appendEvent(trx, { type: events.photoEmbedded, message: { photo, provenance: { model, ms } } });
        await extendDocument(trx, photo, {}, "embed", now());
      },
    },
    limits,
  );
}

function consumeDocuments({ host, now }: SearchEventDependencies): void {
  host.consume({
    consumer: "search-documents",
    cheap: true,
    filter: "ocelli.*.photo.*",
    concurrency: 4,
    async handle(event, { once }) {
      const effect = effectOf(event, now);
      if (!effect) return;
      await once(effect);
    },
    // A document that lacks a part is never complete: without this the stage would stay open for ever.
    async onGiveUp(trx, event, error, attempts) {
      const photo = photoInDocument(event);
      if (photo) await appendStageFailed(trx, "search", "index", photo, error, attempts);
    },
  });
}

/** The photo whose index waits for an event. Never of the index's own failure: giving that up must not repeat it. */
function photoInDocument(event: BusEvent): eventsV1.PhotoRef | undefined {
  if (!isStageFailedSubject(event.subject)) return documentPartOf(event)?.photo;
  const { photo, stage } = decodeEvent(photoStageFailed("any"), event);
  return indexNeeds.includes(stage) ? photo : undefined;
}

type Effect = (trx: Transaction<SearchTables>) => Promise<void>;

function effectOf(event: BusEvent, now: () => Date): Effect | undefined {
  if (event.subject === events.photoDeleted.subject) {
    const { photo } = decodeEvent(events.photoDeleted, event);
    return photo && ((trx) => deleteDocument(trx, photo));
  }
  if (isStageFailedSubject(event.subject)) {
    const failed = decodeEvent(photoStageFailed("any"), event);
    const { photo, stage } = failed;
    return photo && ((trx) => extendDocument(trx, photo, {}, stage, now()));
  }
  const addition = documentPartOf(event);
  return addition && ((trx) => extendDocument(trx, addition.photo, addition.part, addition.stage, now()));
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
  await markIndexed(trx, photo.photoId, now);
  await appendEvent(trx, {
    type: events.photoIndexed,
    message: { photo, provenance: { model: indexVersion, ms: 0 } },
  });
}
