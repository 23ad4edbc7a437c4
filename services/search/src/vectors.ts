import type { eventsV1 } from "@ocelli/contracts";
import type { RgbImage } from "@ocelli/inference";
import type { Kysely, RawBuilder } from "kysely";
import type { SearchTables } from "./store/tables.ts";

/** A condition on the document with alias `d` (`search.documents d`). */
export type DocumentCondition = RawBuilder<boolean>;

/** A photo near a vector. */
export interface Neighbour {
  photoId: string;
  /** Cosine similarity, -1..1. */
  cosine: number;
}

/** A vector with the model that made it; vectors of two models do not compare. */
export interface ModelVector {
  /** Id and version. */
  model: string;
  embedding: Float32Array;
}

/** What is looked for among the vectors of one owner. */
export interface NearestQuery {
  ownerId: string;
  /** [dimension], unit length. */
  embedding: Float32Array;
  limit: number;
  within?: DocumentCondition | undefined;
  /** Model that made the vector; absent means the one that answers. Say it where a switch may come in between. */
  model?: string | undefined;
}

/** Vectors of the owner's photos by the model that answers searches. */
export interface Vectors {
  /** Model that answers, as stored with every vector. */
  readonly model: string;
  /**
   * Reads which model answers. Every replica does so by itself within a second; who finds a model gone need not wait for it.
   */
  follow(): Promise<void>;
  /**
   * Vectors of texts in the space of the pictures; zeros for a text without words. Without a model they are by the one that
   * answers or, where the manifest has that no more, by the one that is filled to take its place.
   * @throws AppError UNAVAILABLE/MODEL_NOT_FOUND when the manifest has no such model.
   */
  embedTexts(texts: string[], model?: string): Promise<{ model: string; embeddings: Float32Array[] }>;
  /** Vector of a picture; by which model, and what it throws, as for texts. */
  embedPicture(image: RgbImage, signal: AbortSignal): Promise<ModelVector>;
  /**
   * Stores a photo's vector in the caller's transaction, which has locked its document. It must be by the model that
   * answers or, where the manifest has that no more, by the one that is filled to take its place.
   * @throws AppError UNAVAILABLE/MODEL_SWITCHED when another model answers by now than the one that made it.
   */
  save(
    trx: Kysely<SearchTables>,
    photo: eventsV1.PhotoRef,
    embedding: Float32Array,
    model?: string,
  ): Promise<void>;
  /** A vector of the same bytes, whoever owns them. */
  findOfBytes(sha256: string): Promise<Float32Array | undefined>;
  /** The vector of one photo of the owner. */
  ofPhoto(ownerId: string, photoId: string): Promise<Float32Array | undefined>;
  /** The owner's photos nearest to a vector that are to be found and, where given, fulfil a condition; best first. */
  nearest(query: NearestQuery): Promise<Neighbour[]>;
}
