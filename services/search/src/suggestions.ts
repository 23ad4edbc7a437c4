import { invalidArgument } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { Searcher } from "./searcher.ts";
import { listAlbumNames, listPersonNames, listWords, type SuggestedName } from "./store/suggestions.ts";
import type { SearchTables } from "./store/tables.ts";

const maxPrefix = 100;
const defaultLimit = 10;
const maxLimit = 20;

/** What is suggested first where everything else is equal. */
const kinds = ["person", "album", "place", "label", "camera"];

/**
 * Persons, labels, places, albums and cameras of an owner that have words which begin as was typed, case and accents
 * ignored: those that begin so themselves first, then those of more photos. What finds no photo is not suggested, nor
 * are persons to whoever may not know them.
 * @throws AppError INVALID_ARGUMENT/{INVALID_PREFIX,INVALID_LIMIT}.
 */
export async function suggest(
  db: Kysely<SearchTables>,
  { ownerId, mayKnowPeople }: Searcher,
  request: searchV1.SuggestRequest,
): Promise<searchV1.SuggestResponse> {
  const prefix = parsePrefix(request.prefix);
  const limit = parseLimit(request.limit);
  // Control characters mean nothing here, and Postgres takes no NUL in a text.
  const typed = prefix.replace(/\p{Cc}/gu, " ");
  if (!/[\p{L}\p{N}]/u.test(typed)) return { suggestions: [] };
  const query = { ownerId, typed, limit };
  const found = await Promise.all([
    mayKnowPeople ? listPersonNames(db, query) : [],
    listAlbumNames(db, query),
    listWords(db, query),
  ]);
  const ranked = found.flat().sort(byLikelihood).slice(0, limit);
  return { suggestions: ranked.map(toSuggestion) };
}

function byLikelihood(a: SuggestedName, b: SuggestedName): number {
  return (
    Number(b.begins) - Number(a.begins) ||
    b.photos - a.photos ||
    kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
    (a.text < b.text ? -1 : 1)
  );
}

function toSuggestion({ kind, text, photos }: SuggestedName): searchV1.Suggestion {
  // The query language has no quotes within quotes.
  const query = `${kind}:"${text.replace(/["“”„]/gu, " ").trim()}"`;
  return { kind, text, query, count: photos };
}

function parsePrefix(text: string): string {
  if (
    text.trim() !== "" &&
    text.length <= 2 * maxPrefix &&
    [...text].length <= maxPrefix &&
    text.isWellFormed()
  )
    return text;
  throw invalidArgument("INVALID_PREFIX", `Type 1 to ${maxPrefix} characters.`, [
    { field: "prefix", description: `must have 1 to ${maxPrefix} characters` },
  ]);
}

function parseLimit(requested: number): number {
  if (requested >= 0) return requested === 0 ? defaultLimit : Math.min(requested, maxLimit);
  throw invalidArgument("INVALID_LIMIT", "The number of suggestions must not be negative.", [
    { field: "limit", description: "must be 0 or more" },
  ]);
}
