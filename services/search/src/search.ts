import { decodePageToken, encodePageToken, invalidArgument, resolvePageSize } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import { cleanText, type Engine, embedTexts, loadTokenizer } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { z } from "zod";
import { fuse, type SearchHit, spellingDoubt } from "./ranking.ts";
import { matchWords } from "./store/documents.ts";
import { nearestPhotos } from "./store/embeddings.ts";
import type { SearchTables } from "./store/tables.ts";
import { visionModel } from "./vision-model.ts";

/** What searching needs. */
export interface SearchDependencies {
  db: Kysely<SearchTables>;
  engine: Engine;
  /** Least relevance when the caller names none. */
  minScore: number;
}

/** One page of results. */
export interface SearchPage {
  hits: SearchHit[];
  nextPageToken: string;
}

const maxQueryCharacters = 500;
const pageLimits = { defaultSize: 20, maxSize: 100 };
// Candidates of each kind; paging ends there, since nobody looks at the 500th photo.
const candidateLimit = 500;
const cursorSchema = z.object({ score: z.number(), photoId: z.string() });

/** Searches one owner's photos. */
export async function searchPhotos(
  dependencies: SearchDependencies,
  ownerId: string,
  request: searchV1.SearchRequest,
): Promise<SearchPage> {
  // Control characters mean nothing in a search, and Postgres takes no NUL in a text.
  const query = request.query.replace(/\p{Cc}/gu, " ").trim();
  assertQuery(query, request.minScore);
  const size = resolvePageSize(request.pageSize, pageLimits);
  const listArguments = [ownerId, query, request.mode, request.minScore ?? null];
  const after = decodePageToken(request.pageToken, cursorSchema, listArguments);
  const minScore = request.minScore ?? dependencies.minScore;
  const found = (await findAll(dependencies, ownerId, query, request.mode)).filter(
    (hit) => hit.score >= minScore,
  );
  const rest = after ? found.filter((hit) => isAfter(hit, after)) : found;
  const hits = rest.slice(0, size);
  const last = hits.at(-1);
  const more = last !== undefined && rest.length > hits.length;
  const cursor = last && { score: last.score, photoId: last.photoId };
  return { hits, nextPageToken: more ? encodePageToken(cursor, listArguments) : "" };
}

function assertQuery(query: string, minScore: number | undefined): void {
  if (query === "" || query.length > maxQueryCharacters) {
    throw invalidArgument("INVALID_QUERY", `A search needs 1 to ${maxQueryCharacters} characters.`, [
      { field: "q", description: `must have 1 to ${maxQueryCharacters} characters` },
    ]);
  }
  if (minScore !== undefined && !(minScore >= 0 && minScore <= 1)) {
    throw invalidArgument("INVALID_MIN_SCORE", "The least score must lie between 0 and 1.", [
      { field: "minScore", description: "must be a number from 0 to 1" },
    ]);
  }
}

async function findAll(
  { db, engine }: SearchDependencies,
  ownerId: string,
  query: string,
  mode: searchV1.SearchMode,
): Promise<SearchHit[]> {
  const { SEARCH_MODE_SEMANTIC, SEARCH_MODE_TEXT } = searchV1.SearchMode;
  const [neighbours, matches] = await Promise.all([
    mode === SEARCH_MODE_TEXT ? [] : findByPicture(db, engine, ownerId, query),
    mode === SEARCH_MODE_SEMANTIC ? [] : matchWords(db, { ownerId, text: query, limit: candidateLimit }),
  ]);
  const words = cleanText(query)
    .split(" ")
    .filter((word) => word.length > 2);
  return fuse(neighbours, matches, words);
}

async function findByPicture(db: Kysely<SearchTables>, engine: Engine, ownerId: string, query: string) {
  // A word the text model never learned gives an arbitrary direction: only known words may find pictures.
  const tokenizer = await loadTokenizer(engine);
  const unknown = new Set(tokenizer.unknownWords(query));
  const known = cleanText(query)
    .split(" ")
    .filter((word) => word !== "" && !unknown.has(word));
  if (known.length === 0) return [];
  const [embedding] = await embedTexts(engine, [known.join(" ")]);
  if (!embedding) return [];
  const pieces = known.reduce((sum, word) => sum + tokenizer.split(word).length, 0);
  const doubt = spellingDoubt(pieces / known.length);
  const model = visionModel(engine);
  const neighbours = await nearestPhotos(db, { ownerId, model, embedding, limit: candidateLimit });
  return neighbours.map((neighbour) => ({ ...neighbour, doubt }));
}

function isAfter(hit: SearchHit, cursor: { score: number; photoId: string }): boolean {
  return hit.score < cursor.score || (hit.score === cursor.score && hit.photoId < cursor.photoId);
}
