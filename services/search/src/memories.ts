import { invalidArgument } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { type CalendarDay, isTimeZone, localDay, startOfDay } from "./query/zone.ts";
import { findOldestYear, listMemorySpans } from "./store/memories.ts";
import type { SearchTables } from "./store/tables.ts";

/** What memories need. */
export interface MemoriesDependencies {
  db: Kysely<SearchTables>;
  now: () => Date;
}

/** Photos shown of one year's day. */
const maxPhotos = 50;
/** Years looked back: further than photography goes. */
const maxYears = 200;
/** Longest name of a zone that is looked at; the longest there is has 32 characters. */
const maxZoneName = 64;

/**
 * Photos of an owner taken on this day of earlier years, as the clocks of the caller's zone showed it. A photo's capture
 * time is a moment; the offset of the place where it was taken is not known here. Photos without one have no day. What was
 * taken on a 29 February is remembered on 28 February in years that have no 29th.
 * @throws AppError INVALID_ARGUMENT/{INVALID_DATE,INVALID_TIME_ZONE}.
 */
export async function listMemories(
  { db, now }: MemoriesDependencies,
  ownerId: string,
  { date, timeZone }: searchV1.ListMemoriesRequest,
): Promise<searchV1.ListMemoriesResponse> {
  const zone = timeZone === "" ? "UTC" : timeZone;
  if (zone.length > maxZoneName || !isTimeZone(zone))
    throw invalid("INVALID_TIME_ZONE", "time_zone", "must be a zone such as Europe/Berlin");
  const today = date === "" ? localDay(now(), zone) : parseDay(date);
  if (!today) throw invalid("INVALID_DATE", "date", "must be a day as YYYY-MM-DD");
  const oldest = await findOldestYear(db, ownerId);
  if (oldest === undefined) return { memories: [] };
  const days = earlierDays(today, Math.max(oldest - 1, today.year - maxYears));
  const spans = days.map((day) => {
    const next = { ...day, day: day.day + 1 };
    return { year: day.year, from: startOfDay(day, zone), until: startOfDay(next, zone) };
  });
  const found = await listMemorySpans(db, { ownerId, spans, limit: maxPhotos });
  return { memories: byYear(found) };
}

/** This day in each earlier year down to the oldest, newest first. */
function earlierDays(today: CalendarDay, oldest: number): CalendarDay[] {
  const { year, month, day } = today;
  const leapDay = { month: 2, day: 29 };
  const standsForLeapDay = month === 2 && day === 28 && !dayExists({ year, ...leapDay });
  const days = standsForLeapDay ? [{ month, day }, leapDay] : [{ month, day }];
  return Array.from({ length: Math.max(0, year - oldest) }, (_, index) => year - 1 - index)
    .flatMap((each) => days.map((same) => ({ year: each, ...same })))
    .filter((each) => each.year >= 1 && dayExists(each));
}

/** `YYYY-MM-DD` as a day that exists; undefined for everything else. */
function parseDay(text: string): CalendarDay | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!parts) return undefined;
  const [year = 0, month = 0, day = 0] = parts.slice(1).map(Number);
  return year >= 1 && month >= 1 && day >= 1 && dayExists({ year, month, day })
    ? { year, month, day }
    : undefined;
}

/** True when the calendar has the day: not 29 February of an ordinary year. */
function dayExists({ year, month, day }: CalendarDay): boolean {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** Years of two days become one. */
function byYear(found: readonly searchV1.Memory[]): searchV1.Memory[] {
  const years = Map.groupBy(found, ({ year }) => year);
  return [...years].map(([year, days]) => ({
    year,
    photoIds: days.flatMap(({ photoIds }) => photoIds).slice(0, maxPhotos),
    count: days.reduce((sum, { count }) => sum + count, 0),
  }));
}

function invalid(reason: string, field: string, description: string) {
  return invalidArgument(reason, "The day of these memories is not valid.", [{ field, description }]);
}
