import type { RecordedSpan } from "@ocelli/chassis";
import { expect, it } from "vitest";
import { fits, traceFilterSchema } from "./trace-filter.ts";
import { summarize, viewTrace } from "./trace-view.ts";

const epochUs = 1_700_000_000_000_000;

/** A span that begins and ends at milliseconds of the trace. */
function span(
  spanId: string,
  parentSpanId: string,
  from: number,
  to: number,
  more: Partial<RecordedSpan> = {},
) {
  const made: RecordedSpan = {
    spanId,
    ...(parentSpanId === "" ? {} : { parentSpanId }),
    name: spanId,
    kind: "internal",
    startUs: epochUs + from * 1000,
    durationUs: (to - from) * 1000,
    failed: false,
    statusMessage: "",
    attributes: {},
    events: [],
    links: [],
    left: 0,
    ...more,
  };
  return made;
}

const attributes = {
  "http.request.method": "POST",
  "http.route": "/api/v1/photos",
  "http.response.status_code": 201,
};
// As they end: an upload whose event is handled by two consumers after the answer, one of which takes longer.
const upload = [
  span("store", "rpc", 30, 60),
  span("rpc", "call", 20, 80, { kind: "server", name: "ocelli.library.v1.LibraryService/UploadPhoto" }),
  span("call", "http", 10, 90, { kind: "client" }),
  span("http", "caller", 0, 100, { kind: "server", attributes }),
  span("publish", "rpc", 90, 110, { kind: "producer", name: "publish ocelli.library.photo.ready" }),
  span("quick", "publish", 105, 150, {
    kind: "consumer",
    attributes: { "messaging.consumer.group.name": "search-embed" },
  }),
  span("model", "slow", 200, 380, { failed: true }),
  span("slow", "publish", 108, 400, {
    kind: "consumer",
    attributes: { "messaging.consumer.group.name": "scene-scene" },
  }),
];
const trace = { traceId: "a".repeat(32), spans: upload, open: 0, left: 0 };

it("puts spans below their parents, later stages included", () => {
  const view = viewTrace(trace);
  expect(view.spans.map(({ spanId, depth, service }) => [spanId, depth, service])).toEqual([
    ["http", 0, "gateway"],
    ["call", 1, "gateway"],
    ["rpc", 2, "library"],
    ["store", 3, "library"],
    ["publish", 3, "library"],
    ["quick", 4, "search"],
    ["slow", 4, "scene"],
    ["model", 5, "scene"],
  ]);
  expect(view.spans[0]).toMatchObject({ orphan: true, offsetUs: 0, durationUs: 100_000 });
  expect(view.spans[1]?.orphan).toBe(false);
});

it("tells how long each waited for no other", () => {
  const self = Object.fromEntries(
    viewTrace(trace).spans.map(({ spanId, selfUs }) => [spanId, selfUs / 1000]),
  );
  expect(self).toEqual({
    http: 20,
    call: 20,
    rpc: 30,
    store: 30,
    // Until the first of its consumers began.
    publish: 15,
    quick: 45,
    slow: 112,
    model: 180,
  });
});

it("marks what decided the end, and nothing that ran beside it", () => {
  const critical = viewTrace(trace).spans.filter((each) => each.critical);
  expect(critical.map(({ spanId }) => spanId)).toEqual([
    "http",
    "call",
    "rpc",
    "store",
    "publish",
    "slow",
    "model",
  ]);
});

it("sums up a trace", () => {
  expect(summarize(trace)).toMatchObject({
    startedAt: new Date(epochUs / 1000).toISOString(),
    durationUs: 400_000,
    request: { method: "POST", route: "/api/v1/photos", status: 201, durationUs: 100_000 },
    spans: 8,
    failed: 1,
    services: [
      { name: "gateway", spans: 2, selfUs: 40_000 },
      { name: "library", spans: 3, selfUs: 75_000 },
      { name: "search", spans: 1, selfUs: 45_000 },
      { name: "scene", spans: 2, selfUs: 292_000 },
    ],
  });
});

it("shows spans whose parents are missing, and a call that no service is known of", () => {
  const view = viewTrace({
    ...trace,
    spans: [span("lost", "nobody", 5, 6), span("alone", "", 0, 1, { kind: "client" })],
  });
  expect(view.request).toBeNull();
  expect(view.spans.map(({ spanId, depth, orphan, service }) => [spanId, depth, orphan, service])).toEqual([
    ["alone", 0, false, "process"],
    ["lost", 0, true, "process"],
  ]);
});

it.each([
  [{}, true],
  [{ route: "post /api" }, true],
  [{ route: "/search" }, false],
  [{ status: "2xx" }, true],
  [{ status: "201" }, true],
  [{ status: "4xx" }, false],
  [{ status: "failed" }, true],
  [{ minMs: "400" }, true],
  [{ minMs: "401" }, false],
])("filters by %o: %s", (query, expected) => {
  expect(fits(summarize(trace), traceFilterSchema.parse(query))).toBe(expected);
});

it("leaves out what nobody asked for over HTTP, unless told otherwise", () => {
  const own = summarize({ ...trace, spans: [span("poll", "", 0, 1)] });
  expect(fits(own, traceFilterSchema.parse({}))).toBe(false);
  expect(fits(own, traceFilterSchema.parse({ background: "true", route: "po" }))).toBe(true);
});

it.each([{ status: "abc" }, { minMs: "-1" }, { minMs: "1e3" }, { route: "x".repeat(201) }, { other: "1" }])(
  "refuses %o",
  (query) => {
    expect(traceFilterSchema.safeParse(query).success).toBe(false);
  },
);
