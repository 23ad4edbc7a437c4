import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { AppError } from "./errors/app-error.ts";
import { decodePageToken, encodePageToken, resolvePageSize } from "./paging.ts";

const limits = { defaultSize: 20, maxSize: 100 };
const cursor = z.object({ id: z.string(), score: z.number() });

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return AppError.from(error).reason;
  }
  return "none";
}

describe("page size", () => {
  test.each([
    [0, 20],
    [1, 1],
    [100, 100],
    [101, 100],
    [2 ** 31 - 1, 100],
  ])("%d becomes %d", (requested, size) => {
    expect(resolvePageSize(requested, limits)).toBe(size);
  });

  test.each([-1, -(2 ** 31)])("%d is refused", (requested) => {
    expect(reasonOf(() => resolvePageSize(requested, limits))).toBe("INVALID_PAGE_SIZE");
  });
});

describe("page token", () => {
  const position = { id: "é'\"", score: 0.1 + 0.2 };

  test("comes back exactly, numbers to the last bit", () => {
    const token = encodePageToken(position, ["owner", null]);
    expect(token).toMatch(/^[\w-]+$/);
    expect(decodePageToken(token, cursor, ["owner", null])).toEqual(position);
  });

  test("an empty one is the first page", () => {
    expect(decodePageToken("", cursor, [])).toBeUndefined();
  });

  test("of other arguments is refused", () => {
    const token = encodePageToken(position, ["owner", "cats"]);
    expect(reasonOf(() => decodePageToken(token, cursor, ["owner", "dogs"]))).toBe("INVALID_PAGE_TOKEN");
  });

  test("with a cursor of another shape is refused", () => {
    const token = encodePageToken({ id: 7 }, []);
    expect(reasonOf(() => decodePageToken(token, cursor, []))).toBe("INVALID_PAGE_TOKEN");
  });

  test("garbage is refused, never a crash", () => {
    const envelope = fc.json().map((json) => Buffer.from(json).toString("base64url"));
    fc.assert(
      fc.property(fc.oneof(fc.string({ minLength: 1 }), envelope), (token) => {
        expect(reasonOf(() => decodePageToken(token, cursor, []))).toBe("INVALID_PAGE_TOKEN");
      }),
    );
    expect(reasonOf(() => decodePageToken("A".repeat(1_000_000), cursor, []))).toBe("INVALID_PAGE_TOKEN");
  });
});
