import { AppError } from "@ocelli/chassis";
import { HTTPException } from "hono/http-exception";
import { Status } from "nice-grpc";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { problemHeaders, toAppError, toHttpStatus, toProblem, validationError } from "./problem.ts";

const error = (code: Status, reason = "SOME_REASON") =>
  new AppError({ code, reason, message: "A sentence." });

describe("toHttpStatus", () => {
  it.each([
    [Status.INVALID_ARGUMENT, 400],
    [Status.FAILED_PRECONDITION, 409],
    [Status.OUT_OF_RANGE, 400],
    [Status.UNAUTHENTICATED, 401],
    [Status.PERMISSION_DENIED, 403],
    [Status.NOT_FOUND, 404],
    [Status.ALREADY_EXISTS, 409],
    [Status.ABORTED, 409],
    [Status.RESOURCE_EXHAUSTED, 429],
    [Status.CANCELLED, 499],
    [Status.INTERNAL, 500],
    [Status.UNKNOWN, 500],
    [Status.DATA_LOSS, 500],
    [Status.UNIMPLEMENTED, 501],
    [Status.UNAVAILABLE, 503],
    [Status.DEADLINE_EXCEEDED, 504],
  ])("maps code %i to %i", (code, status) => expect(toHttpStatus(error(code))).toBe(status));

  it.each([
    [Status.INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", 415],
    [Status.INVALID_ARGUMENT, "CORRUPT_IMAGE", 422],
    [Status.INVALID_ARGUMENT, "TOO_MANY_PIXELS", 422],
    [Status.RESOURCE_EXHAUSTED, "FILE_TOO_LARGE", 413],
    [Status.DEADLINE_EXCEEDED, "UPLOAD_TIMEOUT", 408],
  ])("lets a reason find a better word: %i %s", (code, reason, status) =>
    expect(toHttpStatus(error(code, reason))).toBe(status),
  );
});

describe("toProblem", () => {
  it("says everything that the caller may know", () => {
    const invalid = new AppError({
      code: Status.INVALID_ARGUMENT,
      reason: "INVALID_PAGE_SIZE",
      message: "The page size must not be negative.",
      violations: [{ field: "page_size", description: "must be 0 or more" }],
    });
    expect(toProblem(invalid, "abc")).toEqual({
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "The page size must not be negative.",
      reason: "INVALID_PAGE_SIZE",
      traceId: "abc",
      errors: [{ field: "pageSize", description: "must be 0 or more" }],
    });
  });

  it("keeps what went wrong inside to itself", () => {
    const secret = AppError.from(new Error("password=hunter2"));
    const relayed = new AppError({ code: Status.INTERNAL, reason: "SECRET", message: "password=hunter2" });
    for (const each of [secret, relayed]) {
      expect(toProblem(each, "abc")).toMatchObject({ status: 500, reason: "INTERNAL" });
      expect(JSON.stringify(toProblem(each, "abc"))).not.toContain("hunter2");
    }
  });
});

describe("problemHeaders", () => {
  it("says when to come back, rounded up to whole seconds", () => {
    const busy = { reason: "BUSY", message: "Busy.", code: Status.RESOURCE_EXHAUSTED };
    expect(problemHeaders(new AppError({ ...busy, retryAfterMs: 2100 }))["retry-after"]).toBe("3");
    expect(problemHeaders(new AppError(busy))["retry-after"]).toBe("1");
    expect(problemHeaders(error(Status.UNAVAILABLE))["retry-after"]).toBe("1");
    expect(problemHeaders(error(Status.RESOURCE_EXHAUSTED, "FILE_TOO_LARGE"))).not.toHaveProperty(
      "retry-after",
    );
  });

  it("says how to authenticate", () => {
    expect(problemHeaders(error(Status.UNAUTHENTICATED, "UNAUTHENTICATED"))["www-authenticate"]).toBe(
      'Bearer realm="ocelli"',
    );
    expect(problemHeaders(error(Status.UNAUTHENTICATED, "TOKEN_EXPIRED"))["www-authenticate"]).toBe(
      'Bearer realm="ocelli", error="invalid_token"',
    );
  });
});

describe("toAppError", () => {
  it("takes over the framework's own exceptions", () => {
    expect(toAppError(new HTTPException(400)).reason).toBe("MALFORMED_JSON");
    expect(toAppError(new HTTPException(415)).reason).toBe("EXPECTED_JSON");
    expect(toAppError(new HTTPException(500)).reason).toBe("INTERNAL");
  });
});

describe("validationError", () => {
  it("names each field, unknown ones included", () => {
    const parsed = z.strictObject({ q: z.string().min(1, "must not be empty") }).safeParse({ q: "", x: 1 });
    expect(parsed.error && validationError(parsed.error).violations).toEqual([
      { field: "q", description: "must not be empty" },
      { field: "x", description: "is not known here" },
    ]);
  });
});
