import { isUuid } from "@ocelli/chassis";
import { faceNotFound, invalid, invalidMerge, mergeNotFound, personNotFound } from "./person-errors.ts";

const maxNameLength = 100;
const maxFacesAtOnce = 200;
const maxMergedAtOnce = 50;
const earliestYear = 1800;

/** Person id of a request. What is no id at all is answered like an unknown one. */
export function parsePersonId(text: string): string {
  if (!isUuid(text)) throw personNotFound();
  return text;
}

/** Face id of a request. What is no id at all is answered like an unknown one. */
export function parseFaceId(text: string): string {
  if (!isUuid(text)) throw faceNotFound();
  return text;
}

/** Merge id of a request. What is no id at all is answered like an unknown one. */
export function parseMergeId(text: string): string {
  if (!isUuid(text)) throw mergeNotFound();
  return text;
}

/** A name in its canonical form; empty for none. @throws AppError INVALID_ARGUMENT/INVALID_NAME. */
export function parsePersonName(text: string): string {
  // Bounded before it is normalised, which may make it longer: 18 times at most.
  if (text.length <= 4 * maxNameLength && text.isWellFormed()) {
    const name = text.trim().normalize("NFC");
    if ([...name].length <= maxNameLength && !/[\p{Cc}\u2028\u2029]/u.test(name)) return name;
  }
  throw invalid("INVALID_NAME", "This cannot be a name.", {
    field: "name",
    description: `must have at most ${maxNameLength} characters, no control among them`,
  });
}

/** What is looked for in names. @throws AppError INVALID_ARGUMENT/INVALID_NAME. */
export function parseNameQuery(text: string): string {
  return parsePersonName(text);
}

/** `YYYY-MM-DD`; empty is unknown. @throws AppError INVALID_ARGUMENT/INVALID_BIRTH_DATE. */
export function parseBirthDate(text: string, now: Date): string | null {
  if (text === "") return null;
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) {
    const date = new Date(`${text}T00:00:00Z`);
    // The clock may be west of where the child was born.
    const latest = new Date(now.getTime() + 14 * 60 * 60 * 1000);
    const isReal = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
    if (isReal && date.getUTCFullYear() >= earliestYear && date <= latest) return text;
  }
  throw invalid("INVALID_BIRTH_DATE", "This cannot be a date of birth.", {
    field: "birth_date",
    description: `must be a day from ${earliestYear}-01-01 to today, as YYYY-MM-DD`,
  });
}

/** Ids of distinct faces. @throws AppError INVALID_ARGUMENT/INVALID_FACES. */
export function parseFaceIds(ids: readonly string[]): string[] {
  const isBounded = ids.length >= 1 && ids.length <= maxFacesAtOnce;
  if (!isBounded || new Set(ids).size !== ids.length) {
    throw invalid("INVALID_FACES", "These faces cannot be named together.", {
      field: "face_ids",
      description: `must be 1 to ${maxFacesAtOnce} ids, none of them twice`,
    });
  }
  return ids.map(parseFaceId);
}

/** Ids of those who are merged into a survivor. @throws AppError INVALID_ARGUMENT/INVALID_MERGE. */
export function parseMergedIds(survivorId: string, ids: readonly string[]): string[] {
  if (ids.length < 1 || ids.length > maxMergedAtOnce) {
    throw invalidMerge("person_ids", `must be 1 to ${maxMergedAtOnce} ids`);
  }
  if (new Set([survivorId, ...ids]).size !== ids.length + 1) {
    throw invalidMerge("person_ids", "must not name anybody twice, nor the survivor");
  }
  return ids.map(parsePersonId);
}

/** Empty means none. @throws AppError INVALID_ARGUMENT/INVALID_REQUEST_ID. */
export function parseRequestId(text: string): string | null {
  if (text === "") return null;
  if (isUuid(text)) return text;
  throw invalid("INVALID_REQUEST_ID", "The request id is not valid.", {
    field: "request_id",
    description: "must be a UUID",
  });
}
