import lookup from "tz-lookup";

const minuteMs = 60_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Minutes east of UTC that clocks showed at a place, by its zone's rules at that local time (given as if it were UTC).
 * Undefined where no zone is known.
 */
export function offsetAtPlace(latitude: number, longitude: number, localAsUtcMs: number): number | undefined {
  try {
    const zone = lookup(latitude, longitude);
    // The first guess may lie on the other side of a change of clocks, the second one does not.
    const guess = offsetOf(zone, localAsUtcMs);
    return guess === undefined ? undefined : offsetOf(zone, localAsUtcMs - guess * minuteMs);
  } catch {
    return undefined;
  }
}

/** Reads `+02:00` as minutes; undefined for anything else. */
export function parseOffset(text: string | undefined): number | undefined {
  if (text?.trim() === "Z") return 0;
  const match = text && /^([+-])(0\d|1[0-4]):?([0-5]\d)$/.exec(text.trim());
  if (!match) return undefined;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return match[1] === "-" ? -minutes : minutes;
}

function offsetOf(zone: string, timeMs: number): number | undefined {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
    formats.set(zone, format);
  }
  const name = format.formatToParts(timeMs).find(({ type }) => type === "timeZoneName")?.value;
  // Before standard time, offsets have seconds; these are dropped.
  return name === "GMT" ? 0 : parseOffset(name?.slice("GMT".length, "GMT+00:00".length));
}
