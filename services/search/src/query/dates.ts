import { type CalendarDay, localDay, startOfDay, weekday } from "./zone.ts";

/** A stretch of time: from its first instant to before `until`. */
export interface DateRange {
  from: Date;
  until: Date;
}

/** When and where a query is asked. */
export interface QueryClock {
  now: Date;
  /** IANA name. */
  zone: string;
}

/** First day, and the first that is no more part of it. */
export type Days = readonly [CalendarDay, CalendarDay];

const months = "january february march april may june july august september october november december".split(
  " ",
);
const monthPattern = `(${months.join("|")}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)`;
const years = "((?:19|20)\\d\\d)";

/** First months of the seasons, as they are north of the equator; winter ends in the next year. */
const seasons: Readonly<Record<string, number>> = { spring: 3, summer: 6, autumn: 9, fall: 9, winter: 12 };

/** Holidays on fixed days: first day and how many belong to it. */
const holidays: Readonly<Record<string, { month: number; day: number; days: number }>> = {
  christmas: { month: 12, day: 24, days: 3 },
  xmas: { month: 12, day: 24, days: 3 },
  halloween: { month: 10, day: 31, days: 1 },
  "new year's eve": { month: 12, day: 31, days: 1 },
  "new years eve": { month: 12, day: 31, days: 1 },
  "new year's day": { month: 1, day: 1, days: 1 },
  "valentine's day": { month: 2, day: 14, days: 1 },
  "valentines day": { month: 2, day: 14, days: 1 },
};

interface Rule {
  pattern: RegExp;
  days: (match: string[], today: CalendarDay) => Days | undefined;
}

const named = Object.keys(holidays).join("|");
const season = Object.keys(seasons).join("|");

/** In the order in which they are tried: longer forms first. */
const rules: readonly Rule[] = [
  { pattern: word(`${years}-(\\d\\d)-(\\d\\d)`), days: ([, y, m, d]) => isoDays(`${y}-${m}-${d}`) },
  { pattern: word(`${years}-(\\d\\d)`), days: ([, y, m]) => isoDays(`${y}-${m}`) },
  {
    pattern: word(`(\\d{1,2})(?:st|nd|rd|th)?(?: of)? ${monthPattern},? ${years}`),
    days: ([, d, m, y]) => dayOf(Number(y), monthOf(m), Number(d)),
  },
  {
    pattern: word(`${monthPattern} (\\d{1,2})(?:st|nd|rd|th)?,? ${years}`),
    days: ([, m, d, y]) => dayOf(Number(y), monthOf(m), Number(d)),
  },
  { pattern: word(`${monthPattern},? ${years}`), days: ([, m, y]) => monthDays(Number(y), monthOf(m)) },
  { pattern: word(`(last|this) ${monthPattern}`), days: ([, , m], today) => pastMonth(monthOf(m), today) },
  { pattern: word(`in ${monthPattern}`), days: ([, m], today) => pastMonth(monthOf(m), today) },
  {
    pattern: word(`(${season})(?: of)? ${years}`),
    days: ([, name = "", y]) => seasonDays(name, Number(y)),
  },
  {
    pattern: word(`(?:(last|this) |in |in the )(${season})`),
    days: ([, which, name = ""], today) => pastSeason(name, today, which === "last"),
  },
  { pattern: word(`(${named}) ${years}`), days: ([, name = "", y]) => holidayDays(name, Number(y)) },
  {
    pattern: word(`(?:last|at|on) (${named})`),
    days: ([, name = ""], today) => pastHoliday(name, today),
  },
  { pattern: word("today"), days: (_, today) => span(today, 0, 1) },
  { pattern: word("yesterday"), days: (_, today) => span(today, -1, 1) },
  { pattern: word("(last|this) weekend"), days: ([, which], today) => weekend(today, which === "last") },
  { pattern: word("(last|this) week"), days: ([, which], today) => week(today, which === "last") },
  {
    pattern: word("(last|this) month"),
    days: ([, which], { year, month }) => monthDays(year, which === "last" ? month - 1 : month),
  },
  {
    pattern: word("(last|this) year"),
    days: ([, which], { year }) => yearDays(which === "last" ? year - 1 : year),
  },
  { pattern: word(`(?:in )?${years}`), days: ([, y]) => yearDays(Number(y)) },
];

/** A date that was found in a text. */
export interface FoundDate {
  /** The words, as typed. */
  text: string;
  /** Where they begin. */
  index: number;
  range: DateRange;
}

/**
 * The first date in a plain text by our own rules: days, months, years, seasons and holidays. A bare "may" or "march"
 * is a word; "in may" is a month: the latest that has begun.
 */
export function findDate(text: string, clock: QueryClock): FoundDate | undefined {
  const today = localDay(clock.now, clock.zone);
  for (const { pattern, days } of rules) {
    const match = pattern.exec(text);
    const found =
      match &&
      days(
        [...match].map((group) => group?.toLowerCase() ?? ""),
        today,
      );
    if (match && found) return { text: match[0], index: match.index, range: toRange(found, clock.zone) };
  }
  return undefined;
}

/** The time that `2023`, `2023-06` or `2023-06-15` means; undefined for anything else. */
export function parseIsoDate(text: string, zone: string): DateRange | undefined {
  const days = isoDays(text);
  return days && toRange(days, zone);
}

/** A range of days as it is shown, e.g. `2023-06-01/2023-09-01`: the last one is no more part of it. */
export function showRange({ from, until }: DateRange, zone: string): string {
  return [from, until].map((instant) => showDay(localDay(instant, zone))).join("/");
}

/** `YYYY-MM-DD`. */
export function showDay({ year, month, day }: CalendarDay): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}

/** The range of whole days. */
export function toRange([first, end]: Days, zone: string): DateRange {
  return { from: startOfDay(first, zone), until: startOfDay(end, zone) };
}

function word(source: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}/.-])${source}(?![\\p{L}\\p{N}/-])`, "iu");
}

function isoDays(text: string): Days | undefined {
  const match = /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$/.exec(text);
  if (!match) return undefined;
  const [year, month, day] = match.slice(1).map(Number);
  if (year === undefined || year < 1) return undefined;
  if (match[2] === undefined) return yearDays(year);
  if (month === undefined || month < 1 || month > 12) return undefined;
  return match[3] === undefined || day === undefined ? monthDays(year, month) : dayOf(year, month, day);
}

function dayOf(year: number, month: number, day: number): Days | undefined {
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return day >= 1 && day <= last ? span({ year, month, day }, 0, 1) : undefined;
}

function monthOf(name = ""): number {
  return months.findIndex((month) => month.startsWith(name.slice(0, 3))) + 1;
}

/** A month; months before January and after December are those of the years beside it. */
export function monthDays(year: number, month: number): Days {
  return [
    { year, month, day: 1 },
    { year, month: month + 1, day: 1 },
  ];
}

/** A year. */
export function yearDays(year: number): Days {
  return [
    { year, month: 1, day: 1 },
    { year: year + 1, month: 1, day: 1 },
  ];
}

function span({ year, month, day }: CalendarDay, shift: number, length: number): Days {
  return [
    { year, month, day: day + shift },
    { year, month, day: day + shift + length },
  ];
}

function pastMonth(month: number, today: CalendarDay): Days {
  return monthDays(month <= today.month ? today.year : today.year - 1, month);
}

function seasonDays(name: string, year: number): Days {
  const month = seasons[name] ?? 1;
  return [
    { year, month, day: 1 },
    { year, month: month + 3, day: 1 },
  ];
}

/** The latest season of a name that has begun; with `last`, the latest that has ended. */
function pastSeason(name: string, today: CalendarDay, last: boolean): Days {
  const month = seasons[name] ?? 1;
  const lead = last ? 3 : 0;
  const reached = today.year * 12 + today.month >= today.year * 12 + month + lead;
  if (reached) return seasonDays(name, today.year);
  const before = today.year * 12 + today.month >= (today.year - 1) * 12 + month + lead;
  return seasonDays(name, before ? today.year - 1 : today.year - 2);
}

function holidayDays(name: string, year: number): Days {
  const { month = 1, day = 1, days = 1 } = holidays[name] ?? {};
  return span({ year, month, day }, 0, days);
}

function pastHoliday(name: string, today: CalendarDay): Days {
  const { month = 1, day = 1 } = holidays[name] ?? {};
  const reached = today.month > month || (today.month === month && today.day >= day);
  return holidayDays(name, reached ? today.year : today.year - 1);
}

/** Monday to Sunday. */
function week(today: CalendarDay, last: boolean): Days {
  const sinceMonday = (weekday(today) + 6) % 7;
  return span(today, -sinceMonday - (last ? 7 : 0), 7);
}

function weekend(today: CalendarDay, last: boolean): Days {
  const sinceMonday = (weekday(today) + 6) % 7;
  return span(today, 5 - sinceMonday - (last ? 7 : 0), 2);
}
