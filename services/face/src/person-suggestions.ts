import { decodePageToken, encodePageToken, resolvePageSize } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { z } from "zod";
import { mergePersons } from "./merges.ts";
import type { PersonChange, PersonChanger } from "./person-changes.ts";
import { invalidMerge, personNotFound } from "./person-errors.ts";
import { parsePersonId } from "./person-input.ts";
import { insertDistinction, listDistinctPairs } from "./store/decisions.ts";
import type { MergeView } from "./store/merges.ts";
import { findHolder, findPersonRows, speakOfPerson } from "./store/people.ts";
import { findPersons, type PersonView } from "./store/people-views.ts";
import type { FaceTables } from "./store/tables.ts";

/** Two persons that look alike. */
export interface SuggestionCandidate {
  personId: string;
  otherId: string;
  /** How alike, 0..1. */
  score: number;
}

/** Finds pairs of persons that look alike, each once, not more than are worth asking about at a time. */
export interface SuggestionCandidates {
  list(ownerId: string): Promise<readonly SuggestionCandidate[]>;
}

/** What {@link createPersonSuggestions} stands on. */
export interface PersonSuggestionsOptions {
  db: Kysely<FaceTables>;
  changer: PersonChanger;
  candidates: SuggestionCandidates;
  newId: () => string;
}

/** Two persons that may be one. */
export interface PersonSuggestion {
  person: PersonView;
  other: PersonView;
  score: number;
}

/** Rules of the question "is this the same person?". */
export interface PersonSuggestions {
  /** Likeliest first. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(
    ownerId: string,
    page: { pageSize: number; pageToken: string },
  ): Promise<{ suggestions: PersonSuggestion[]; nextPageToken: string }>;
  /**
   * The same persons are merged, the named one survives; different ones are never suggested again.
   * @returns the merge of the same.
   * @throws AppError NOT_FOUND/PERSON_NOT_FOUND, INVALID_ARGUMENT/INVALID_MERGE.
   */
  answer(
    ownerId: string,
    answer: { personId: string; otherId: string; same: boolean },
  ): Promise<MergeView | undefined>;
}

const pageLimits = { defaultSize: 20, maxSize: 100 };
const cursorSchema = z.object({ score: z.number(), personId: z.uuid(), otherId: z.uuid() });
const listArguments = ["suggestions"];

/** Creates the rules of suggestions. */
export function createPersonSuggestions(options: PersonSuggestionsOptions): PersonSuggestions {
  const { db, changer, candidates, newId } = options;

  /** Suggestions behind the cursor, `wanted` of them if there are so many. */
  async function find(
    ownerId: string,
    after: SuggestionCandidate | undefined,
    wanted: number,
  ): Promise<PersonSuggestion[]> {
    const distinct = new Set((await listDistinctPairs(db, ownerId)).map(pairKey));
    const open = (await candidates.list(ownerId))
      .filter((each) => !distinct.has(pairKey(each)) && (!after || byLikeness(each, after) > 0))
      .sort(byLikeness);
    const found = await shown(ownerId, open);
    return withPersons(ownerId, found.slice(0, wanted));
  }

  /** Without persons that were merged or deleted since, and without hidden ones, whom the owner does not want to see. */
  async function shown(ownerId: string, pairs: readonly SuggestionCandidate[]) {
    const rows = await findPersonRows(db, ownerId, idsOf(pairs));
    const ids = new Set(rows.filter((row) => !row.hidden && row.merged_into === null).map(({ id }) => id));
    return pairs.filter(({ personId, otherId }) => ids.has(personId) && ids.has(otherId));
  }

  async function withPersons(
    ownerId: string,
    pairs: readonly SuggestionCandidate[],
  ): Promise<PersonSuggestion[]> {
    const found = await findPersons(db, ownerId, idsOf(pairs));
    const persons = new Map(found.map((person) => [person.id, person]));
    return pairs.flatMap(({ personId, otherId, score }) => {
      const [person, other] = [persons.get(personId), persons.get(otherId)];
      return person && other ? [{ person, other, score }] : [];
    });
  }

  return {
    async list(ownerId, page) {
      const size = resolvePageSize(page.pageSize, pageLimits);
      const after = decodePageToken(page.pageToken, cursorSchema, listArguments);
      const found = await find(ownerId, after, size + 1);
      const suggestions = found.slice(0, size);
      const last = found.length > size ? suggestions.at(-1) : undefined;
      const cursor = last && { score: last.score, personId: last.person.id, otherId: last.other.id };
      return { suggestions, nextPageToken: cursor ? encodePageToken(cursor, listArguments) : "" };
    },
    async answer(ownerId, { personId, otherId, same }) {
      const asked = [parsePersonId(personId), parsePersonId(otherId)] as const;
      return changer.change(ownerId, async (change) => {
        const { trx } = change;
        const [id, other] = [
          await findHolder(trx, ownerId, asked[0]),
          await findHolder(trx, ownerId, asked[1]),
        ];
        if (id === undefined || other === undefined) throw personNotFound();
        if (id === other) throw invalidMerge("other_id", "must be another person");
        if (!same) {
          await tellApart(change, [id, other]);
          return undefined;
        }
        const names = new Map(
          (await findPersonRows(trx, ownerId, [id, other])).map((row) => [row.id, row.name]),
        );
        const otherSurvives = names.get(id) === "" && names.get(other) !== "";
        return otherSurvives
          ? mergePersons(change, newId(), other, [id])
          : mergePersons(change, newId(), id, [other]);
      });
    },
  };
}

async function tellApart(change: PersonChange, persons: readonly [string, string]): Promise<void> {
  const { trx, ownerId, at } = change;
  await insertDistinction(trx, { ownerId, persons, at });
  // Were they a model's alone, it could dissolve one of them and forget the answer with it.
  for (const personId of persons) await speakOfPerson(trx, { ownerId, personId, at });
  change.tellPersons(persons);
}

function idsOf(pairs: readonly SuggestionCandidate[]): string[] {
  return [...new Set(pairs.flatMap(({ personId, otherId }) => [personId, otherId]))];
}

function pairKey({ personId, otherId }: { personId: string; otherId: string }): string {
  return personId < otherId ? `${personId} ${otherId}` : `${otherId} ${personId}`;
}

/** Likeliest first, equally likely ones in an order that does not change. */
function byLikeness(a: SuggestionCandidate, b: SuggestionCandidate): number {
  if (a.score !== b.score) return b.score - a.score;
  return pairKey(a) < pairKey(b) ? -1 : Number(pairKey(a) !== pairKey(b));
}
