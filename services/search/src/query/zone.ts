/** A day of the calendar; `month` and `day` count from 1 and may lie outside the year or month, as in `Date.UTC`. */
export interface CalendarDay {
  year: number;
  month: number;
  day: number;
}

/** True for a zone that this computer knows, e.g. `Europe/Berlin`. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Milliseconds by which local time is ahead of UTC at an instant. */
export function zoneOffset(instant: Date, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(instant);
  const value = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
  const local = utc(
    value("year"),
    value("month"),
    value("day"),
    (value("hour") * 60 + value("minute")) * 60_000 + value("second") * 1000,
  );
  return local - Math.floor(instant.getTime() / 1000) * 1000;
}

/** The day that it is somewhere. */
export function localDay(instant: Date, zone: string): CalendarDay {
  const local = new Date(instant.getTime() + zoneOffset(instant, zone));
  return { year: local.getUTCFullYear(), month: local.getUTCMonth() + 1, day: local.getUTCDate() };
}

/** The instant at which a day begins somewhere. */
export function startOfDay({ year, month, day }: CalendarDay, zone: string): Date {
  const local = utc(year, month, day, 0);
  // The offset at the guess may be that of the other side of a change of the clocks; the second look settles it.
  const guess = local - zoneOffset(new Date(local), zone);
  return new Date(local - zoneOffset(new Date(guess), zone));
}

/** 0 (Sunday) to 6. */
export function weekday({ year, month, day }: CalendarDay): number {
  return new Date(utc(year, month, day, 0)).getUTCDay();
}

function utc(year: number, month: number, day: number, ms: number): number {
  // Date.UTC takes the years 0 to 99 for the 1900s.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() + ms;
}
