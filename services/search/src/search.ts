import { decodePageToken, encodePageToken, invalidArgument, resolvePageSize } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { z } from "zod";
import { compileFilter, invalidFilter } from "./filters.ts";
import { countParts, maxParts, parseQuery } from "./query/query.ts";
import { type UnderstoodQuery, understand } from "./query/understanding.ts";
import { isTimeZone } from "./query/zone.ts";
import type { Background } from "./ranking/background.ts";
import { wordReasons } from "./ranking/reasons.ts";
import { fuse, type RankedPhoto, type SearchHit } from "./ranking.ts";
import { findByPicture, findByWords, findEvidence, noPictures } from "./search-sides.ts";
import type { Searcher } from "./searcher.ts";
import { allOf } from "./store/conditions.ts";
import { listPhotos, type MomentCursor, readDocuments } from "./store/found-photos.ts";
import type { SearchTables } from "./store/tables.ts";
import type { DocumentCondition, Vectors } from "./vectors.ts";

/** What searching needs. */
export interface SearchDependencies {
  db: Kysely<SearchTables>;
  engine: Engine;
  vectors: Vectors;
  background: Background;
  now: () => Date;
  /** Least relevance when the caller names none. */
  minScore: number;
}

/** One page of results. */
export interface SearchPage {
  hits: SearchHit[];
  nextPageToken: string;
  understood: searchV1.Understanding[];
}

/** A request that was checked and read. */
interface PreparedSearch {
  ownerId: string;
  mode: searchV1.SearchMode;
  minScore: number;
  understood: UnderstoodQuery;
  /** Query and filter; undefined when neither restricts. */
  within: DocumentCondition | undefined;
}

const maxQueryCharacters = 500;
const pageLimits = { defaultSize: 20, maxSize: 100 };
/** Of photos that were listed, not ranked: nothing tells them apart. */
const listedScore = 0.95;
const rankedCursor = z.object({ score: z.number(), photoId: z.uuid() });
// As `listPhotos` writes it. The year 0 is none to Postgres, which would fail rather than refuse a forged token.
const listedMoment = z.iso.datetime({ precision: 6 }).refine((moment) => !moment.startsWith("0000"));
const listedCursor = z.object({ moment: listedMoment, photoId: z.uuid() });

/**
 * Searches one owner's photos.
 * @throws AppError INVALID_ARGUMENT/{INVALID_QUERY,INVALID_MIN_SCORE,INVALID_FILTER,INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN},
 *   PERMISSION_DENIED/SCOPE_REQUIRED.
 */
export async function searchPhotos(
  dependencies: SearchDependencies,
  searcher: Searcher,
  request: searchV1.SearchRequest,
): Promise<SearchPage> {
  const size = resolvePageSize(request.pageSize, pageLimits);
  const { pageSize: _, pageToken, ...listArguments } = request;
  const search = await prepare(dependencies, searcher, request);
  const { understood } = search.understood;
  if (isList(search)) {
    const after = decodePageToken(pageToken, listedCursor, listArguments);
    const photos = await list(dependencies, search, size + 1, after);
    const page = photos.slice(0, size);
    const hits = await explain(dependencies.db, search, page.map(toListed));
    return { hits, understood, nextPageToken: nextToken(photos, page, listArguments, (last) => last) };
  }
  const after = decodePageToken(pageToken, rankedCursor, listArguments);
  const found = await rank(dependencies, search);
  const rest = after ? found.filter((photo) => isAfter(photo, after)) : found;
  const page = rest.slice(0, size);
  const hits = await explain(dependencies.db, search, page);
  const toCursor = ({ score, photoId }: RankedPhoto) => ({ score, photoId });
  return { hits, understood, nextPageToken: nextToken(rest, page, listArguments, toCursor) };
}

/** The first photos that a search finds, best first, at most `limit`, without the reasons. Throws as {@link searchPhotos}. */
export async function findFirst(
  dependencies: SearchDependencies,
  searcher: Searcher,
  request: searchV1.SearchRequest,
  limit: number,
): Promise<SearchHit[]> {
  const search = await prepare(dependencies, searcher, request);
  const found = isList(search)
    ? (await list(dependencies, search, limit, undefined)).map(toListed)
    : await rank(dependencies, search);
  return found.slice(0, limit).map(({ photoId, score }) => ({ photoId, score, why: [] }));
}

async function prepare(
  { db, engine, now, minScore }: SearchDependencies,
  searcher: Searcher,
  request: searchV1.SearchRequest,
): Promise<PreparedSearch> {
  // Control characters mean nothing in a search, and Postgres takes no NUL in a text.
  const text = request.query.replace(/[\p{Cc}\p{Cs}]/gu, " ").trim();
  const filter = compileFilter(searcher, request.filter);
  assertRequest(text, request, filter.length > 0);
  const query = parseQuery(text, { now: now(), zone: request.timeZone || "UTC" });
  if (countParts(query) > maxParts) throw invalidQuery(`A search has at most ${maxParts} parts.`);
  const understood = await understand({ db, engine }, searcher, query);
  return {
    ownerId: searcher.ownerId,
    mode: request.mode,
    minScore: request.minScore ?? minScore,
    understood,
    within: allOf([...filter, ...understood.conditions]),
  };
}

function assertRequest(text: string, request: searchV1.SearchRequest, filtered: boolean): void {
  const { minScore, timeZone } = request;
  if ((text === "" && !filtered) || text.length > maxQueryCharacters)
    throw invalidQuery(`A search needs 1 to ${maxQueryCharacters} characters, or a filter.`);
  if (minScore !== undefined && !(minScore >= 0 && minScore <= 1)) {
    throw invalidArgument("INVALID_MIN_SCORE", "The least score must lie between 0 and 1.", [
      { field: "minScore", description: "must be a number from 0 to 1" },
    ]);
  }
  if (timeZone !== "" && (timeZone.length > 64 || !isTimeZone(timeZone)))
    throw invalidFilter("time_zone", "must be the name of a time zone, e.g. Europe/Berlin");
}

function invalidQuery(message: string) {
  return invalidArgument("INVALID_QUERY", message, [
    {
      field: "q",
      description: `must have 1 to ${maxQueryCharacters} characters and at most ${maxParts} parts`,
    },
  ]);
}

/** Nothing is left to look for: everything within the restrictions is equally right. */
function isList({ understood, within }: PreparedSearch): boolean {
  return understood.words.length === 0 && understood.evidence.length === 0 && within !== undefined;
}

async function list(
  { db }: SearchDependencies,
  { ownerId, within, minScore }: PreparedSearch,
  limit: number,
  after: MomentCursor | undefined,
): Promise<MomentCursor[]> {
  if (!within || minScore > listedScore) return [];
  return listPhotos(db, { ownerId, within, after, limit });
}

function toListed({ photoId }: MomentCursor): RankedPhoto {
  return { photoId, score: listedScore, byPicture: false, byWords: false };
}

/** Every candidate that is relevant enough, best first. */
async function rank(dependencies: SearchDependencies, search: PreparedSearch): Promise<RankedPhoto[]> {
  const { SEARCH_MODE_SEMANTIC, SEARCH_MODE_TEXT } = searchV1.SearchMode;
  const { mode, minScore, understood } = search;
  // Only words like "the": they mean nothing by themselves.
  if (understood.words.length === 0 && understood.evidence.length === 0) return [];
  const sides = { ...dependencies, ...search };
  const [pictures, words, evidence] = await Promise.all([
    mode === SEARCH_MODE_TEXT
      ? noPictures(dependencies.vectors)
      : findByPicture(sides, { withMeanings: mode !== SEARCH_MODE_SEMANTIC }),
    mode === SEARCH_MODE_SEMANTIC ? [] : findByWords(sides),
    mode === SEARCH_MODE_SEMANTIC ? [] : findEvidence(sides),
  ]);
  return fuse({ ...pictures, words, evidence }).filter(({ score }) => score >= minScore);
}

/** Says of each photo why it was found. */
async function explain(
  db: Kysely<SearchTables>,
  { ownerId, understood, mode }: PreparedSearch,
  photos: readonly RankedPhoto[],
): Promise<SearchHit[]> {
  if (photos.length === 0) return [];
  const facets = [...understood.facets, ...understood.evidence];
  const ids = photos.map(({ photoId }) => photoId);
  const conditions = facets.map(({ condition }) => condition);
  const documents = await readDocuments(db, ownerId, ids, conditions);
  const said = understood.words.map(({ term }) => term.text.toLowerCase());
  return photos.map(({ photoId, score, byPicture, byWords }) => {
    const document = documents.get(photoId);
    const reasons = document && byWords && mode !== searchV1.SearchMode.SEARCH_MODE_SEMANTIC;
    const inWords = reasons ? wordReasons(document, said) : [];
    const fulfilled = facets.filter((_, n) => document?.holds[n]).map(({ why }) => why);
    const words = byWords && inWords.length === 0 ? ["words"] : inWords;
    const why = new Set([...(byPicture ? ["picture"] : []), ...fulfilled, ...words]);
    return { photoId, score, why: [...why] };
  });
}

function nextToken<T>(
  found: readonly T[],
  page: readonly T[],
  listArguments: unknown,
  toCursor: (last: T) => unknown,
): string {
  const last = page.at(-1);
  return last !== undefined && found.length > page.length
    ? encodePageToken(toCursor(last), listArguments)
    : "";
}

function isAfter(photo: RankedPhoto, cursor: { score: number; photoId: string }): boolean {
  return photo.score < cursor.score || (photo.score === cursor.score && photo.photoId < cursor.photoId);
}
