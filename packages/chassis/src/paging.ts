import { createHash } from "node:crypto";
import { z } from "zod";
import { invalidArgument } from "./errors/errors.ts";

/** Page sizes of one list. */
export interface PageLimits {
  defaultSize: number;
  maxSize: number;
}

/**
 * The page size to use: 0 means the default, more than the maximum is clamped.
 * @throws AppError INVALID_ARGUMENT/INVALID_PAGE_SIZE for negative sizes.
 */
export function resolvePageSize(requested: number, limits: PageLimits): number {
  if (requested < 0) {
    throw invalidArgument("INVALID_PAGE_SIZE", "The page size must not be negative.", [
      { field: "page_size", description: "must be 0 or more" },
    ]);
  }
  return requested === 0 ? limits.defaultSize : Math.min(requested, limits.maxSize);
}

const envelope = z.object({ v: z.literal(1), a: z.string(), c: z.unknown() });

/** Makes an opaque, URL-safe page token from a cursor and the arguments it belongs to. It gives no authority. */
export function encodePageToken(cursor: unknown, listArguments: unknown): string {
  return Buffer.from(JSON.stringify({ v: 1, a: fingerprint(listArguments), c: cursor })).toString(
    "base64url",
  );
}

/**
 * Reads a page token back; an empty token is the first page.
 * @throws AppError INVALID_ARGUMENT/INVALID_PAGE_TOKEN for garbage and for a token of another list.
 */
export function decodePageToken<T>(
  token: string,
  cursor: z.ZodType<T>,
  listArguments: unknown,
): T | undefined {
  if (token === "") return undefined;
  const parsed = z.object({ ...envelope.shape, c: cursor }).safeParse(parseToken(token));
  if (!parsed.success || parsed.data.a !== fingerprint(listArguments)) {
    throw invalidArgument("INVALID_PAGE_TOKEN", "The page token is not valid for this list.", [
      { field: "page_token", description: "must be the nextPageToken of the same list" },
    ]);
  }
  return parsed.data.c;
}

function parseToken(token: string): unknown {
  if (token.length > 2048) return undefined;
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

function fingerprint(value: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(value) ?? "")
    .digest("base64url")
    .slice(0, 12);
}
