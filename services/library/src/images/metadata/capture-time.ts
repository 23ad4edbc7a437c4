import { offsetAtPlace, parseOffset } from "./time-zones.ts";

/** When a picture was taken. */
export interface CaptureTime {
  takenAt: Date;
  /** Minutes east of UTC; null when unknown, `takenAt` is then the camera's clock read as UTC. */
  offsetMinutes: number | null;
}

/** What metadata says about the time, in the order in which it is believed. */
export interface TimeClaims {
  /** Local times, `2024:06:01 12:30:00` or ISO 8601, possibly with a zone of their own. */
  times: ReadonlyArray<string | undefined>;
  /** Zones, `+02:00`. */
  offsets: ReadonlyArray<string | undefined>;
  position: { latitude: number; longitude: number } | null;
}

// Nothing was photographed before; cameras with an empty clock write years like 0000 or 1904.
const firstPhotograph = Date.UTC(1826, 0, 1);
const minuteMs = 60_000;
const dayMs = 86_400_000;
const pattern = /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/;

/** The first time that can be believed, with the zone that is said, else that of the place. */
export function captureTime(claims: TimeClaims, now: Date): CaptureTime | null {
  for (const text of claims.times) {
    const match = text && pattern.exec(text.trim());
    if (!match) continue;
    const local = localTime(match.slice(1, 7).map((part) => Number(part ?? 0)));
    if (local === undefined) continue;
    const offsetMinutes = zoneOf(match[7], claims, local);
    const time = local - (offsetMinutes ?? 0) * minuteMs;
    if (time < firstPhotograph || time > now.getTime() + dayMs) continue;
    return { takenAt: new Date(time), offsetMinutes };
  }
  return null;
}

function zoneOf(own: string | undefined, { offsets, position }: TimeClaims, local: number): number | null {
  for (const claim of [own, ...offsets]) {
    const offset = parseOffset(claim);
    if (offset !== undefined) return offset;
  }
  return (position && offsetAtPlace(position.latitude, position.longitude, local)) ?? null;
}

/** As if it were UTC; undefined for times that no clock shows. */
function localTime(parts: readonly number[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const isReal =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60;
  return isReal ? date.getTime() : undefined;
}
