import type { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import type { Searcher } from "../searcher.ts";
import {
  allOf,
  anyOf,
  atPlace,
  byCamera,
  inAlbum,
  inPlace,
  noneOf,
  ofType,
  says,
  within,
  withLabel,
  withPerson,
} from "../store/conditions.ts";
import { findNames, type KnownName } from "../store/lexicon.ts";
import type { SearchTables } from "../store/tables.ts";
import { type CompiledWord, compileWords } from "../store/word-search.ts";
import type { DocumentCondition } from "../vectors.ts";
import { correctSpelling, type SpelledTerm } from "./corrections.ts";
import { candidateNames, type FoundName, takeNames } from "./names.ts";
import type { Query, Restriction, Term, TimeRestriction } from "./query.ts";

/** Something a photo may fulfil, and how that is said. */
export interface Facet {
  /** E.g. `person: Maria`. */
  why: string;
  condition: DocumentCondition;
}

/** A query in terms of what its owner has. */
export interface UnderstoodQuery {
  /** Every photo that is found fulfils all of these. */
  conditions: DocumentCondition[];
  /** What may be told of a photo that fulfils it. */
  facets: Facet[];
  /** Counts for a photo, without keeping others out. */
  evidence: Facet[];
  /** What is left to look for in pictures and texts. */
  words: { term: SpelledTerm; compiled: CompiledWord }[];
  /** The same with all small words, for models of language. */
  sentence: string;
  understood: searchV1.Understanding[];
}

/** What understanding needs. */
export interface UnderstandingDependencies {
  db: Kysely<SearchTables>;
  engine: Engine;
}

/** Reads a query with what is known of the searcher's photos, and may be told to him. */
export async function understand(
  dependencies: UnderstandingDependencies,
  searcher: Searcher,
  query: Query,
): Promise<UnderstoodQuery> {
  const { db } = dependencies;
  const { ownerId } = searcher;
  const result: UnderstoodQuery = {
    conditions: [],
    facets: [],
    evidence: [],
    words: [],
    sentence: "",
    understood: [],
  };
  const terms = await correctSpelling(dependencies, searcher, query.terms);
  for (const { text, typed } of terms)
    if (typed !== text) result.understood.push({ kind: "correction", text: typed, meaning: text });
  const known = await knownNames(db, searcher, query, terms);
  const { names, rest } = takeNames(terms, known);
  const asWords = await compileAsWords(db, { names, query });
  addTimes(result, query.times, asWords);
  for (const name of names) addName(result, ownerId, name, asWords);
  for (const restriction of query.restrictions) addRestriction(result, ownerId, restriction, known);
  for (const { text } of query.excluded) {
    result.understood.push({ kind: "exclude", text, meaning: text });
    const said = asWords(text);
    if (said) result.conditions.push(noneOf(said));
  }
  const compiled = await compileWords(db, rest.map(toCompile));
  result.sentence = rest.map(({ text }) => text).join(" ");
  result.words = rest.flatMap((term, n) => {
    const forms = compiled[n];
    return forms && forms.exact !== "" ? [{ term, compiled: forms }] : [];
  });
  return result;
}

function toCompile({ text, typed, phrase, typing }: SpelledTerm) {
  return { texts: typed === text ? [text] : [text, typed], phrase, typing };
}

async function knownNames(
  db: Kysely<SearchTables>,
  searcher: Searcher,
  query: Query,
  terms: readonly Term[],
): Promise<KnownName[]> {
  const asked = query.restrictions.map(({ value }) => value.toLowerCase());
  const candidates = [...candidateNames(terms), ...asked];
  return candidates.length === 0 ? [] : findNames(db, searcher, candidates);
}

/** Answers, for words that were taken for more, with the condition that a document simply says them. */
async function compileAsWords(
  db: Kysely<SearchTables>,
  { names, query }: { names: readonly FoundName[]; query: Query },
): Promise<(text: string) => DocumentCondition | undefined> {
  const plain = [
    ...names.map(({ text }) => ({ text, phrase: true })),
    ...query.times.filter(({ mayBeWord }) => mayBeWord).map(({ text }) => ({ text, phrase: true })),
    ...query.excluded.map(({ text, phrase }) => ({ text, phrase })),
  ];
  const compiled = await compileWords(
    db,
    plain.map(({ text, phrase }) => ({ texts: [text], phrase, typing: false })),
  );
  const exact = new Map(plain.map(({ text }, n) => [text, compiled[n]?.exact ?? ""]));
  return (text) => {
    const form = exact.get(text);
    return form ? says(form) : undefined;
  };
}

function addTimes(
  result: UnderstoodQuery,
  times: readonly TimeRestriction[],
  asWords: (text: string) => DocumentCondition | undefined,
): void {
  const dates: DocumentCondition[] = [];
  for (const { kind, text, range, meaning, mayBeWord } of times) {
    result.understood.push({ kind: "date", text: kind === "date" ? text : `${kind}:${text}`, meaning });
    const taken = within(range);
    if (kind !== "date") {
      result.conditions.push(taken);
      continue;
    }
    result.facets.push({ why: `date: ${text}`, condition: taken });
    const said = mayBeWord ? asWords(text) : undefined;
    dates.push(said ? anyOf([taken, said]) : taken);
  }
  // "summer 2021 2022" asks for either.
  if (dates.length > 0) result.conditions.push(anyOf(dates));
}

function addName(
  result: UnderstoodQuery,
  ownerId: string,
  { text, names, mayBeWord }: FoundName,
  asWords: (text: string) => DocumentCondition | undefined,
): void {
  const [first] = names;
  if (!first) return;
  const { kind, name } = first;
  const condition = conditionOfNames(ownerId, names);
  const shown = [...new Set(names.map((each) => each.name))].join(", ");
  result.understood.push({ kind, text, meaning: shown });
  const facet = { why: `${kind}: ${name}`, condition };
  if (mayBeWord) {
    result.evidence.push(facet);
    return;
  }
  const said = asWords(text);
  result.facets.push(facet);
  // Whoever writes "Paris" in a title means it as well.
  result.conditions.push(said ? anyOf([condition, said]) : condition);
}

function conditionOfNames(ownerId: string, names: readonly KnownName[]): DocumentCondition {
  const ids = names.flatMap(({ id }) => (id === null ? [] : [id]));
  switch (names[0]?.kind) {
    case "person":
      return withPerson(ownerId, ids);
    case "album":
      return inAlbum(ownerId, ids);
    default:
      return anyOf(names.map(({ name }) => atPlace(name.toLowerCase())));
  }
}

function addRestriction(
  result: UnderstoodQuery,
  ownerId: string,
  { operator, value, excluded }: Restriction,
  known: readonly KnownName[],
): void {
  const called = known.filter(({ kind, name }) => {
    const lower = name.toLowerCase();
    const wanted = value.toLowerCase();
    return kind === operator && (lower === wanted || (kind === "person" && lower.split(" ")[0] === wanted));
  });
  const ids = called.flatMap(({ id }) => (id === null ? [] : [id]));
  const conditions: Record<typeof operator, () => DocumentCondition> = {
    person: () => withPerson(ownerId, ids),
    album: () => inAlbum(ownerId, ids),
    label: () => withLabel(value),
    type: () => ofType(value),
    camera: () => byCamera(value),
    place: () => inPlace(value),
  };
  const condition = conditions[operator]();
  const meaning = [...new Set(called.map(({ name }) => name))].join(", ") || value;
  const text = `${excluded ? "-" : ""}${operator}:${value}`;
  result.understood.push({ kind: excluded ? "exclude" : operator, text, meaning });
  result.conditions.push(excluded ? noneOf(condition) : condition);
  if (!excluded) result.facets.push({ why: `${operator}: ${called[0]?.name ?? value}`, condition });
}

/** The conditions of a query as one; undefined when it has none. */
export function conditionOf({ conditions }: UnderstoodQuery): DocumentCondition | undefined {
  return allOf(conditions);
}
