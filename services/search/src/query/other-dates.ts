import * as chrono from "chrono-node";
import {
  type Days,
  type FoundDate,
  monthDays,
  type QueryClock,
  showDay,
  toRange,
  yearDays,
} from "./dates.ts";
import { type CalendarDay, localDay, zoneOffset } from "./zone.ts";

// chrono also takes "sun", "may" or "second" for dates; only what cannot be an ordinary word counts.
const unmistakable = /\b(ago|last|past|previous)\b|\d.*[a-z]|\d[/.]\d+[/.]\d/i;
const untilNow = /\b(past|previous)\b|\blast \S+ \S+s$/i;

/** A date that only a general date parser finds: "three weeks ago", "last friday", "15/6/2023". */
export function findOtherDate(text: string, { now, zone }: QueryClock): FoundDate | undefined {
  const timezone = zoneOffset(now, zone) / 60_000;
  const found = chrono.parse(text, { instant: now, timezone }, { forwardDate: false });
  const result = found.find((each) => unmistakable.test(each.text) && isDate(each));
  if (!result) return undefined;
  const days = untilNow.test(result.text)
    ? ([dayOf(result.start), dayAfter(localDay(now, zone))] as const)
    : daysOf(result, localDay(now, zone));
  return { text: result.text, index: result.index, range: toRange(days, zone) };
}

/** A time of day alone ("at 5") is no date. */
function isDate({ start }: chrono.ParsedResult): boolean {
  return (["day", "weekday", "month", "year"] as const).some((name) => start.isCertain(name));
}

/** As exact as it was said: "two years ago" is a year. */
function daysOf({ start, end }: chrono.ParsedResult, today: CalendarDay): Days {
  const day = dayOf(start);
  // No photo was taken in the future: "12 march" is the last one there was.
  const ahead = !start.isCertain("year") && showDay(day) > showDay(today);
  const first = { ...day, year: ahead ? day.year - 1 : day.year };
  if (end) return [first, dayAfter(dayOf(end))];
  if (start.isCertain("day") || start.isCertain("weekday")) return [first, dayAfter(first)];
  return start.isCertain("month") ? monthDays(first.year, first.month) : yearDays(first.year);
}

function dayAfter({ year, month, day }: CalendarDay): CalendarDay {
  return { year, month, day: day + 1 };
}

function dayOf(components: chrono.ParsedComponents): CalendarDay {
  const value = (name: "year" | "month" | "day") => components.get(name) ?? 1;
  return { year: value("year"), month: value("month"), day: value("day") };
}
