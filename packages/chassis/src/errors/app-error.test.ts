import { ClientError, ServerError, Status } from "nice-grpc-common";
import { BadRequest, ErrorInfo, RetryInfo, RichClientError } from "nice-grpc-error-details";
import { describe, expect, test } from "vitest";
import { AppError } from "./app-error.ts";
import { invalidArgument, overloaded } from "./errors.ts";

const path = "/ocelli.x.v1.X/Y";

test("an AppError stays itself", () => {
  const error = invalidArgument("BAD", "Bad.");
  expect(AppError.from(error)).toBe(error);
});

test("an error of another service keeps code, reason, fields and time to wait", () => {
  const rich = new RichClientError(path, Status.RESOURCE_EXHAUSTED, "Too busy.", [
    ErrorInfo.fromPartial({ reason: "BUSY", domain: "ocelli" }),
    BadRequest.fromPartial({ fieldViolations: [{ field: "q", description: "too long" }] }),
    RetryInfo.fromPartial({ retryDelay: { seconds: 1, nanos: 500_000_000 } }),
  ]);
  expect(AppError.from(rich)).toMatchObject({
    code: Status.RESOURCE_EXHAUSTED,
    reason: "BUSY",
    message: "Too busy.",
    violations: [{ field: "q", description: "too long" }],
    retryAfterMs: 1500,
    retryable: true,
  });
});

test("an error of another service without details is known by its status", () => {
  expect(AppError.from(new RichClientError(path, Status.NOT_FOUND, "Gone.", []))).toMatchObject({
    code: Status.NOT_FOUND,
    reason: "NOT_FOUND",
    retryAfterMs: undefined,
    retryable: false,
  });
});

test("a transport failure tells its kind and no address", () => {
  const error = AppError.from(new ClientError(path, Status.UNAVAILABLE, "connect 10.0.0.7:7001"));
  expect(error).toMatchObject({ code: Status.UNAVAILABLE, reason: "UNAVAILABLE", retryable: true });
  expect(error.message).not.toContain("10.0.0.7");
  const late = AppError.from(new ClientError(path, Status.DEADLINE_EXCEEDED, "10.0.0.7"));
  expect(late).toMatchObject({ code: Status.DEADLINE_EXCEEDED, message: "The call to a service failed." });
});

test("a status thrown by a handler is kept", () => {
  expect(AppError.from(new ServerError(Status.UNIMPLEMENTED, "Not here."))).toMatchObject({
    code: Status.UNIMPLEMENTED,
    reason: "UNIMPLEMENTED",
    message: "Not here.",
  });
});

test("an aborted call is cancelled, an expired signal is a passed deadline", () => {
  expect(AppError.from(new DOMException("x", "AbortError"))).toMatchObject({ code: Status.CANCELLED });
  expect(AppError.from(new DOMException("x", "TimeoutError"))).toMatchObject({
    code: Status.DEADLINE_EXCEEDED,
    reason: "DEADLINE_EXCEEDED",
  });
});

test("an error that describes itself is adopted", () => {
  const error = Object.assign(new Error("The engine is busy."), {
    code: "RESOURCE_EXHAUSTED",
    reason: "ENGINE_OVERLOADED",
    retryAfterMs: 250,
  });
  expect(AppError.from(error)).toMatchObject({
    code: Status.RESOURCE_EXHAUSTED,
    reason: "ENGINE_OVERLOADED",
    message: "The engine is busy.",
    retryAfterMs: 250,
  });
});

test.each(["INTERNAL", "FAILED_PRECONDITION"] as const)("what a described %s says stays inside", (code) => {
  const error = Object.assign(new Error("/srv/models/vision.onnx does not load"), {
    code,
    reason: "MODEL_LOAD_FAILED",
  });
  expect(AppError.from(error)).toMatchObject({
    code: Status[code],
    reason: "MODEL_LOAD_FAILED",
    message: "Something went wrong on our side.",
    cause: error,
  });
});

describe("everything else is INTERNAL, its message kept to the log", () => {
  const secrets: unknown[] = [
    new Error("password=hunter2"),
    Object.assign(new Error("password=hunter2"), { code: "23505", reason: "pg" }),
    Object.assign(new Error("password=hunter2"), { code: "ENOENT", reason: 7 }),
    Object.assign(new Error("password=hunter2"), { code: 5, reason: "NOT_FOUND" }),
    "password=hunter2",
    { message: "password=hunter2", code: "NOT_FOUND", reason: "X" },
    null,
    undefined,
  ];
  test.each(secrets.map((error, index) => [index, error] as const))("case %i", (_, error) => {
    const converted = AppError.from(error);
    expect(converted).toMatchObject({ code: Status.INTERNAL, reason: "INTERNAL", retryable: true });
    expect(converted.message).not.toContain("hunter2");
    expect(converted.cause).toBe(error === undefined ? undefined : error);
  });
});

test("overload says when to come back", () => {
  expect(overloaded("BUSY", "Busy.", 800)).toMatchObject({ retryAfterMs: 800, retryable: true });
});
