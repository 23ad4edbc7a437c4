import { ClientError, type MethodDescriptor, Status } from "nice-grpc-common";
import { RetryInfo, RichClientError } from "nice-grpc-error-details";
import { expect, test } from "vitest";
import { unavailable } from "../errors/errors.ts";
import { createRetryBudget, isRepeatable, retryDelayMs } from "./retry.ts";

const path = "/ocelli.scene.v1.SceneService/GetScene";
const gone = new ClientError(path, Status.UNAVAILABLE, "gone");
const pushback = undefined;

test("the pause is anywhere up to a bound that doubles, and ends after so many attempts", () => {
  const options = { retryBaseDelayMs: 100, retryMaxAttempts: 4 };
  const bounds = [0, 1, 2, 3, 4].map((attempt) => [
    retryDelayMs({ error: gone, attempt, pushback }, options, () => 0),
    retryDelayMs({ error: gone, attempt, pushback }, options, () => 1),
  ]);
  expect(bounds).toEqual([
    [0, 100],
    [0, 200],
    [0, 400],
    [0, 800],
    [undefined, undefined],
  ]);
});

test("it is not shorter than the service asks for, and there is none when it asks for none", () => {
  const retryDelay = { seconds: 2, nanos: 5e8 };
  const asked = new RichClientError(path, Status.UNAVAILABLE, "later", [
    RetryInfo.fromPartial({ retryDelay }),
  ]);
  const delay = (error: Error, answered?: string) =>
    retryDelayMs({ error, attempt: 0, pushback: answered }, {}, () => 0.5);
  expect(delay(asked)).toBe(2_500);
  expect([delay(gone, "1200"), delay(gone, "-1"), delay(gone, "soon")]).toEqual([
    1_200,
    undefined,
    undefined,
  ]);
});

test("only calls that found nobody are repeated", () => {
  const errors = [
    new ClientError(path, Status.RESOURCE_EXHAUSTED, "full"),
    new ClientError(path, Status.DEADLINE_EXCEEDED, "late"),
    new ClientError(path, Status.INTERNAL, "broken"),
    unavailable("CIRCUIT_OPEN", "Not asked."),
  ];
  expect(errors.map((error) => retryDelayMs({ error, attempt: 0, pushback }, {}, () => 0))).toEqual(
    errors.map(() => undefined),
  );
});

test.each([
  ["NO_SIDE_EFFECTS", {}, true],
  ["IDEMPOTENT", {}, true],
  [undefined, {}, false],
  [undefined, { requestId: "" }, false],
  [undefined, { requestId: "01999999-0000-7000-8000-000000000001" }, true],
] as const)("a %s method with %j may be called twice: %s", (idempotencyLevel, request, may) => {
  const options = idempotencyLevel ? { idempotencyLevel } : {};
  const method: MethodDescriptor = { path, requestStream: false, responseStream: false, options };
  expect(isRepeatable(method, request)).toBe(may);
});

test("a budget that failures used up comes back with successes, a tenth each", () => {
  const budget = createRetryBudget(10, 0.1);
  for (let call = 0; call < 5; call += 1) budget.failed();
  expect(budget.allows).toBe(false);
  budget.succeeded();
  expect(budget.allows).toBe(true);
  for (let call = 0; call < 100; call += 1) budget.failed();
  for (let call = 0; call < 50; call += 1) budget.succeeded();
  expect(budget.allows).toBe(false);
  budget.succeeded();
  budget.succeeded();
  expect(budget.allows).toBe(true);
});
