import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** Photos of one stretch of time. */
export interface MemorySpan {
  year: number;
  /** The earliest of them, earliest first. */
  photoIds: string[];
  count: number;
}

/** The year (UTC) of the owner's oldest photo that has a capture time; undefined without one. */
export async function findOldestYear(db: Kysely<SearchTables>, ownerId: string): Promise<number | undefined> {
  // `moment` is the capture time where there is one, and has the index; what has neither is at -infinity.
  const { rows } = await sql<{ year: number }>`
    select extract(year from moment at time zone 'UTC')::int as year
    from search.documents
    where owner_id = ${ownerId} and moment > '-infinity' and taken_at is not null and not deleted and not withheld
    order by moment limit 1`.execute(db);
  return rows[0]?.year;
}

/** The owner's photos taken in each of some stretches of time, in their order; those without a photo are left out. */
export async function listMemorySpans(
  db: Kysely<SearchTables>,
  query: {
    ownerId: string;
    spans: readonly { year: number; from: Date; until: Date }[];
    limit: number;
  },
): Promise<MemorySpan[]> {
  const { ownerId, spans, limit } = query;
  const { rows } = await sql<MemorySpan>`
    select s.year, found.count, found.ids[1:${limit}::int] as "photoIds"
    from unnest(${spans.map(({ year }) => year)}::int[], ${spans.map(({ from }) => from)}::timestamptz[],
                ${spans.map(({ until }) => until)}::timestamptz[]) with ordinality as s(year, starts, ends, place)
    cross join lateral (
      select count(*)::int as count, array_agg(d.photo_id order by d.moment, d.photo_id) as ids
      from search.documents d
      where d.owner_id = ${ownerId} and d.moment >= s.starts and d.moment < s.ends
        and d.taken_at is not null and not d.deleted and not d.withheld
    ) found
    where found.count > 0
    order by s.place`.execute(db);
  return rows;
}
