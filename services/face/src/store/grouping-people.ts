import { type Kysely, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** Names of the owner's persons, empty for unnamed ones; those that were merged or are no more are absent. */
export async function findPersonNames(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<Map<string, string>> {
  if (personIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("people")
    .select(["id", "name"])
    .where("owner_id", "=", ownerId)
    .where("id", "=", sql<string>`any(${[...personIds]}::uuid[])`)
    .where("merged_into", "is", null)
    .execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** Those of the owner's persons that are neither hidden nor merged. */
export async function listShownPersons(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<string[]> {
  if (personIds.length === 0) return [];
  const rows = await db
    .selectFrom("people")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("id", "=", sql<string>`any(${[...personIds]}::uuid[])`)
    .where("hidden", "=", false)
    .where("merged_into", "is", null)
    .execute();
  return rows.map(({ id }) => id);
}

/** A pair of persons, in the order in which it was asked. */
export interface PersonPair {
  personId: string;
  otherId: string;
}

/** Those of the pairs that are on one photo, as `personId otherId`. */
export async function listPairsTogether(
  db: Store,
  ownerId: string,
  pairs: readonly PersonPair[],
): Promise<Set<string>> {
  if (pairs.length === 0) return new Set();
  const { rows } = await sql<PersonPair>`
    select pair.a as "personId", pair.b as "otherId"
    from unnest(${pairs.map(({ personId }) => personId)}::uuid[], ${pairs.map(({ otherId }) => otherId)}::uuid[])
      as pair (a, b)
    where exists (
      select from face.faces one
      join face.faces other
        on other.owner_id = ${ownerId} and other.person_id = pair.b and other.photo_id = one.photo_id
      where one.owner_id = ${ownerId} and one.person_id = pair.a)`.execute(db);
  return new Set(rows.map(pairKey));
}

/** Names a pair. */
export function pairKey({ personId, otherId }: PersonPair): string {
  return `${personId} ${otherId}`;
}
