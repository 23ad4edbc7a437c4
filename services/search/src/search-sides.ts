import { cleanText, dot, type Engine, loadTokenizer } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { meaningCosine, meaningsOf } from "./meanings.ts";
import type { UnderstoodQuery } from "./query/understanding.ts";
import type { Background } from "./ranking/background.ts";
import { calibrationOf, spellingDoubt } from "./ranking/calibration.ts";
import type { Findings, PictureMatch } from "./ranking.ts";
import { allOf } from "./store/conditions.ts";
import { listPhotos, readMeanings } from "./store/found-photos.ts";
import type { SearchTables } from "./store/tables.ts";
import { matchWords, type WordMatch } from "./store/word-search.ts";
import { acrossSwitches, isModelGone } from "./vectors/switches.ts";
import type { DocumentCondition, Neighbour, Vectors } from "./vectors.ts";

/** What each side of a search stands on. */
export interface SideInput {
  db: Kysely<SearchTables>;
  engine: Engine;
  vectors: Vectors;
  background: Background;
  ownerId: string;
  understood: UnderstoodQuery;
  within: DocumentCondition | undefined;
}

type PictureFindings = Pick<Findings, "pictures" | "calibration" | "doubt">;

// Candidates of each kind; paging ends there, since nobody looks at the 500th photo.
const candidateLimit = 500;
/** Captions and labels are compared with the query for the best pictures: what is below cannot be brought up. */
const meaningsRead = 100;
/** Fewer photos with all of the words than this, and those with some are looked at, too. */
const enough = 50;

/** A search that looks at no pictures. */
export function noPictures({ model }: Pick<Vectors, "model">): PictureFindings {
  return { pictures: [], calibration: calibrationOf(model), doubt: 0 };
}

/** Pictures that show what the query says; where words are looked at too, none rather than an error if no model runs. */
export async function findByPicture(
  input: SideInput,
  options: { withMeanings: boolean },
): Promise<PictureFindings> {
  try {
    return await acrossSwitches(input.vectors, () => lookAtPictures(input, options));
  } catch (error) {
    if (options.withMeanings && isModelGone(error)) return noPictures(input.vectors);
    throw error;
  }
}

async function lookAtPictures(
  input: SideInput,
  { withMeanings }: { withMeanings: boolean },
): Promise<PictureFindings> {
  const { db, engine, vectors, background, ownerId, within } = input;
  const { text, piecesPerWord } = await knownText(input);
  if (text === "") return noPictures(vectors);
  const { model, embeddings } = await vectors.embedTexts([text]);
  const [embedding] = embeddings;
  if (!embedding) return noPictures(vectors);
  const calibration = calibrationOf(model);
  // Taking the background off the query takes it off every picture: agreement is linear.
  const wanted = lessBackground(embedding, await background.mean(model), calibration.backgroundWeight);
  const nearest = await vectors.nearest({
    ownerId,
    model,
    embedding: wanted.direction,
    limit: candidateLimit,
    within,
  });
  const meanings = withMeanings
    ? await compareMeanings(db, engine, ownerId, text, nearest.slice(0, meaningsRead))
    : new Map<string, number>();
  const pictures: PictureMatch[] = nearest.map(({ photoId, cosine }) => ({
    photoId,
    agreement: cosine * wanted.length,
    meaning: meanings.get(photoId) ?? 0,
  }));
  return { pictures, calibration, doubt: spellingDoubt(calibration, piecesPerWord) };
}

/** The query's words that the text model has a notion of: others would give an arbitrary direction. */
async function knownText({
  engine,
  understood,
}: SideInput): Promise<{ text: string; piecesPerWord: number }> {
  const tokenizer = await loadTokenizer(engine);
  // Words that mean nothing by themselves ("in", "a") mean something between others.
  const query = understood.sentence;
  const unknown = new Set(tokenizer.unknownWords(query));
  const known = cleanText(query)
    .split(" ")
    .filter((word) => word !== "" && !unknown.has(word));
  const pieces = known.reduce((sum, word) => sum + tokenizer.split(word).length, 0);
  return { text: known.join(" "), piecesPerWord: pieces / Math.max(1, known.length) };
}

function lessBackground(query: Float32Array, mean: Float32Array, weight: number) {
  const difference = query.map((value, index) => value - weight * (mean[index] ?? 0));
  const length = Math.sqrt(dot(difference, difference));
  return { direction: difference.map((value) => value / (length || 1)), length };
}

async function compareMeanings(
  db: Kysely<SearchTables>,
  engine: Engine,
  ownerId: string,
  text: string,
  nearest: readonly Neighbour[],
): Promise<Map<string, number>> {
  const [query] = await meaningsOf(engine, [text]);
  if (!query || nearest.length === 0) return new Map();
  const ids = nearest.map(({ photoId }) => photoId);
  const stored = await readMeanings(db, ownerId, ids);
  const cosine = (meaning: Buffer | null) => (meaning ? meaningCosine(query, meaning) : 0);
  return new Map(
    stored.map(({ photoId, caption, labels }) => [photoId, Math.max(cosine(caption), cosine(labels))]),
  );
}

/** Documents that say what the query says. */
export async function findByWords({ db, ownerId, understood, within }: SideInput): Promise<WordMatch[]> {
  const words = understood.words.map(({ compiled }) => compiled);
  const all = await matchWords(db, { ownerId, words, any: false, within });
  if (all.length >= enough || words.length < 2) return all;
  const some = await matchWords(db, { ownerId, words, any: true, within });
  const known = new Set(all.map(({ photoId }) => photoId));
  return [...all, ...some.filter(({ photoId }) => !known.has(photoId))];
}

/** Photos that fulfil what the query may have meant, newest first. */
export function findEvidence({ db, ownerId, understood, within }: SideInput): Promise<string[][]> {
  return Promise.all(
    understood.evidence.map(async ({ condition }) => {
      const both = allOf(within ? [condition, within] : [condition]) ?? condition;
      const photos = await listPhotos(db, { ownerId, within: both, limit: candidateLimit });
      return photos.map(({ photoId }) => photoId);
    }),
  );
}
