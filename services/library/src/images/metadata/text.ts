/**
 * Text from a stranger's metadata made fit to keep: well-formed, without control characters other than line breaks
 * (which become spaces), trimmed and cut. Undefined for anything else, and for nothing.
 */
export function cleanText(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== "string") return undefined;
  // Cut before and after: what is removed costs nothing, and no surrogate pair is torn.
  const cleaned = [
    ...value
      .slice(0, maxLength * 4)
      .toWellFormed()
      .replace(/[\t\n\r]+/g, " ")
      .replace(/[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffd]/gu, "")
      .trim(),
  ];
  const text = cleaned.slice(0, maxLength).join("").trim();
  return text === "" ? undefined : text;
}

/** A finite number within a range; undefined for anything else. */
export function numberWithin(value: unknown, min: number, max: number): number | undefined {
  return typeof value === "number" && value >= min && value <= max ? value : undefined;
}
