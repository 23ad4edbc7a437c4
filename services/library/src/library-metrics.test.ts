import { createMetrics } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { measureStages } from "./library-metrics.ts";
import type { StageEnd } from "./store/stages.ts";

// The first twelve digits of a UUIDv7 are its time: 2025-01-01T00:00:00Z.
const photoId = "01941f29-7c00-7000-8000-000000000001";
const end: StageEnd = {
  photoId,
  ownerId: photoId,
  stage: "caption",
  status: "SUCCEEDED",
  attempts: 1,
  error: "",
  model: "",
  ms: 0,
  run: undefined,
};

test("a stage took as long as its photo is old, unless a job asked for it again", async () => {
  const metrics = createMetrics();
  const observe = measureStages(metrics, () => new Date("2025-01-01T00:00:04Z"));
  observe(end);
  observe({ ...end, stage: "faces", status: "FAILED" });
  observe({ ...end, run: { jobId: photoId, run: 1 } });
  observe({ ...end, photoId: "00000000-0000-4000-8000-000000000001" });
  const { body } = await metrics.expose();
  expect(body.split("\n").filter((line) => /^ocelli_stage_seconds_(sum|count)/.test(line))).toEqual([
    'ocelli_stage_seconds_sum{stage="caption",outcome="succeeded"} 4',
    'ocelli_stage_seconds_count{stage="caption",outcome="succeeded"} 1',
    'ocelli_stage_seconds_sum{stage="faces",outcome="failed"} 4',
    'ocelli_stage_seconds_count{stage="faces",outcome="failed"} 1',
  ]);
});

test("clocks that disagree make no negative time", async () => {
  const metrics = createMetrics();
  measureStages(metrics, () => new Date("2024-12-31T23:59:59Z"))(end);
  expect((await metrics.expose()).body).toMatch(/^ocelli_stage_seconds_sum\{.*\} 0$/m);
});
