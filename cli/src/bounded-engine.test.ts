import { currentScope, inScope } from "@ocelli/chassis";
import { createEngine, type Engine, loadManifest } from "@ocelli/inference";
import { afterAll, beforeAll, expect, test } from "vitest";
import { boundByCalls } from "./bounded-engine.ts";

const model = "text-head";
const never = new AbortController().signal;
let engine: Engine;

beforeAll(() => {
  const plain = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 1, queueLimit: 4 });
  engine = boundByCalls(plain);
});
afterAll(() => engine.close());

function inputs() {
  const [name = "", { dims = [] } = {}] = Object.entries(engine.model(model).inputs)[0] ?? [];
  const shape = dims.map((dim) => (typeof dim === "number" && dim > 0 ? dim : 1));
  return {
    [name]: {
      type: "float32" as const,
      dims: shape,
      data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
    },
  };
}

test("a model is not run for a call whose time is up, nor for a caller that left", async () => {
  const late = { deadlineAt: performance.now() - 1, signal: never };
  await expect(inScope(late, () => engine.run(model, inputs()))).rejects.toMatchObject({
    reason: "DEADLINE_EXCEEDED",
  });
  const left = { deadlineAt: Number.POSITIVE_INFINITY, signal: AbortSignal.abort() };
  await expect(inScope(left, () => engine.run(model, inputs()))).rejects.toMatchObject({
    name: "AbortError",
  });
});

test("what callers share is bounded by none of them", async () => {
  const late = { deadlineAt: performance.now() - 1, signal: AbortSignal.abort() };
  expect(await inScope(late, () => engine.once("a key", async () => currentScope()))).toBeUndefined();
});
