import { startTracing, type Tracing, type TracingOptions } from "@ocelli/chassis";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto, setStage } from "./upstreams.ts";

type Processor = NonNullable<TracingOptions["processors"]>[number];
type ReadableSpan = Parameters<Processor["onEnd"]>[0];

const spans: ReadableSpan[] = [];
const recorder: Processor = {
  onStart: () => undefined,
  onEnd: (span) => void spans.push(span),
  forceFlush: async () => undefined,
  shutdown: async () => undefined,
};

let tracing: Tracing;
let test: TestGateway;
beforeAll(async () => {
  tracing = await startTracing({ serviceName: "test", serviceVersion: "0", processors: [recorder] });
  test = await startTestGateway();
});
afterAll(async () => {
  await test.stop();
  await tracing.stop();
});
beforeEach(() => {
  spans.length = 0;
});

const server = 1;
const client = 2;
const isHttp = (span: ReadableSpan) => span.kind === server && "http.request.method" in span.attributes;
const isCall = (span: ReadableSpan) => span.kind === client;

async function httpSpan(): Promise<ReadableSpan> {
  await expect.poll(() => spans.filter(isHttp)).toHaveLength(1);
  const [span] = spans.filter(isHttp);
  if (!span) throw new Error("no span");
  return span;
}

it("continues the caller's trace and is the parent of every call it makes", async () => {
  const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
  const response = await test.call(`/photos/${photo.id}?note=1`, { headers: { traceparent } });
  await response.text();
  expect(response.headers.get("x-trace-id")).toBe(traceId);
  const span = await httpSpan();
  expect(span.name).toBe("GET /api/v1/photos/{id}");
  expect(span.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  expect(span.attributes).toEqual({
    "http.request.method": "GET",
    "url.path": `/api/v1/photos/${photo.id}`,
    "url.scheme": "http",
    "http.route": "/api/v1/photos/{id}",
    "http.response.status_code": 200,
  });
  // Keys are fetched on behalf of whoever comes first; what the process asks for itself has traces of its own.
  const calls = spans
    .filter(isCall)
    .filter((call) => call.spanContext().traceId === traceId && !call.name.includes("GetJwks"));
  expect(calls.map(({ name }) => name.split("/").at(-1)).sort()).toEqual(
    ["GetCaption", "GetPhoto", "GetScene", "GetText", "ListPhotoFaces"].sort(),
  );
  for (const call of calls) expect(call.parentSpanContext?.spanId).toBe(span.spanContext().spanId);
});

it("starts a trace of its own when the caller's makes no sense", async () => {
  const response = await test.call("/nothing", { headers: { traceparent: "garbage" } });
  const span = await httpSpan();
  expect(span.parentSpanContext).toBeUndefined();
  expect(span.name).toBe("GET");
  expect(response.headers.get("x-trace-id")).toBe(span.spanContext().traceId);
});

it("covers a live stream to its last byte", async () => {
  const bytes = "already analysed";
  const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId, bytes: Buffer.from(bytes) });
  for (const { stage } of photo.stages) setStage(photo, stage, "STAGE_STATUS_SKIPPED");
  const response = await test.call("/classify", { method: "POST", body: fileForm(bytes) });
  await response.text();
  const span = await httpSpan();
  const calls = spans.filter(isCall).filter(({ name }) => /UploadPhoto|GetPhoto/.test(name));
  expect(calls).toHaveLength(2);
  for (const call of calls) expect(call.parentSpanContext?.spanId).toBe(span.spanContext().spanId);
});
