import { randomUUIDv7 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PreviewSource } from "@ocelli/analysis";
import { createLogger } from "@ocelli/chassis";
import { type eventsV1, searchV1 } from "@ocelli/contracts";
import { createEngine, type Engine, loadManifest } from "@ocelli/inference";
import { Background } from "../src/ranking/background.ts";
import { type Reindex, type ReindexOptions, startFilling } from "../src/reindex.ts";
import { searchPhotos } from "../src/search.ts";
import type { Sources } from "../src/sources.ts";
import { addToDocument } from "../src/store/documents.ts";
import type { IndexVectors } from "../src/vectors/index-vectors.ts";
import type { VectorsUnderTest } from "./vectors-harness.ts";

const folder = join(import.meta.dirname, "../../../e2e/photos");
const { signal } = new AbortController();

/** The starter's picture model: the same weights under other names, one for each id and version. */
export function startEngineOf(...visions: { id: string; version?: string }[]): Engine {
  const manifest = loadManifest();
  const vision = manifest.models.find(({ id }) => id === "vision");
  if (!vision) throw new Error("the starter pack has no picture model");
  const others = manifest.models.filter(({ id }) => id !== "vision");
  const models = [...others, ...visions.map((each) => ({ ...vision, ...each }))];
  return createEngine({
    manifest: { ...manifest, models },
    workers: 1,
    threadsPerWorker: 1,
    queueLimit: 100,
  });
}

/** Previews from the sample folder, by the name before any #: copies have bytes of their own. */
export function samplePreviews(engine: Engine): PreviewSource {
  return {
    open: ({ sha256 }) => engine.decode(sha256, () => readFile(join(folder, sha256.split("#")[0] ?? ""))),
  };
}

/** Adds a document, and a vector as it is made for a new photo, but nothing that tells duplicates. */
export async function addPhoto(
  under: VectorsUnderTest,
  engine: Engine,
  ownerId: string,
  sha256: string,
): Promise<eventsV1.PhotoRef> {
  const photo = { photoId: randomUUIDv7(), ownerId, sha256 };
  const image = await samplePreviews(engine).open(photo, ["embed"], signal);
  const { model, embedding } = await under.vectors.embedPicture(image, signal);
  await under.db.transaction().execute(async (trx) => {
    await addToDocument(trx, photo, { filename: sha256, caption: sha256.split(".")[0] ?? "" });
    await under.vectors.save(trx, photo, embedding, model);
  });
  return photo;
}

/** Fills in, without a limit that would be felt. */
export function fill(db: ReindexOptions["db"], engine: Engine): Reindex {
  return startFilling({
    ...{ db, engine, previews: samplePreviews(engine) },
    log: createLogger({ level: "silent", format: "json" }),
    newId: randomUUIDv7,
    ...{ rate: 1_000, pollMs: 20 },
  });
}

/** A search as the service makes it; resolves with the ids. */
export async function searchBy(
  { db, vectors }: { db: VectorsUnderTest["db"]; vectors: IndexVectors },
  engine: Engine,
  ownerId: string,
  query: string,
  mode: searchV1.SearchMode = searchV1.SearchMode.SEARCH_MODE_HYBRID,
): Promise<string[]> {
  const { hits } = await searchPhotos(
    { db, engine, vectors, background: new Background(vectors), now: () => new Date(), minScore: 0.35 },
    { ownerId, mayKnowPeople: true },
    searchV1.SearchRequest.fromPartial({ query, mode }),
  );
  return hits.map(({ photoId }) => photoId);
}

/** Other services that know the photos and nothing about them. */
export function sourcesOf(photos: readonly eventsV1.PhotoRef[]): Sources {
  const nothing = { caption: undefined, labels: undefined, ocrText: undefined, personIds: undefined };
  const ready = (photo: eventsV1.PhotoRef) => ({ photo, filename: photo.sha256 });
  return {
    photoPage: async () => ({
      photos: photos.map((photo) => ({ ready: ready(photo), changed: undefined, albumIds: [] })) as never,
      nextPageToken: "",
    }),
    async *albums() {},
    async *people() {},
    isPerson: async () => true,
    partsOf: async () => nothing,
    isThere: async () => true,
  };
}
