/** The bytes that a request wants, both ends included. */
export interface ByteRange {
  first: number;
  last: number;
}

const pattern = /^bytes=\s*(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))\s*$/i;

/**
 * Reads a `Range` header (RFC 9110 section 14).
 * @returns undefined for none, for several ranges at once and for what cannot be read: the whole is sent then.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = header && pattern.exec(header.trim());
  if (!match) return undefined;
  const [, from, to, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? "unsatisfiable" : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  const last = to ? Math.min(Number(to), size - 1) : size - 1;
  if (to && Number(to) < first) return undefined;
  return first >= size ? "unsatisfiable" : { first, last };
}

/** Whether a range may be sent: only of the very bytes that `If-Range` names, if it names any. */
export function rangeStillHolds(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === `"${etag}"`;
}

/** Whether `If-None-Match` names these bytes. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (!header) return false;
  return (
    header.trim() === "*" || header.split(",").some((each) => each.trim().replace(/^W\//, "") === `"${etag}"`)
  );
}
