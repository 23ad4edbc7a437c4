import { randomBytes } from "node:crypto";
import { type MetricSpec, metricSpecs, type SpanSpec, spanSpecs } from "@ocelli/chassis";
import { freePort } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "./harness/client.ts";
import { parseExposition, type Scrape } from "./harness/exposition.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "./harness/otlp-receiver.ts";
import { photoBytes } from "./harness/photos.ts";

const specs: MetricSpec[] = Object.values(metricSpecs);
const names = new Map(specs.map((spec) => [spec.name, spec]));
/** Shows only when something goes wrong, which nothing does here. */
const troubles = new Set<string>(
  [metricSpecs.rpcClientRetries, metricSpecs.rpcClientRejected, metricSpecs.refused].map(({ name }) => name),
);

let receiver: OtlpReceiver;
let ocelli: OcelliProcess;
let metricsUrl: string;
const traceId = randomBytes(16).toString("hex");
const caller = randomBytes(8).toString("hex");

beforeAll(async () => {
  receiver = await startOtlpReceiver();
  const port = await freePort();
  metricsUrl = `http://127.0.0.1:${port}`;
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "nats",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    METRICS_PORT: String(port),
  });
  const client = await Client.signedUp(ocelli.address, "maria@example.org");
  const form = new FormData();
  form.set("file", new Blob([photoBytes("coffee.png")]), "coffee.png");
  const headers = { traceparent: `00-${traceId}-${caller}-01` };
  const response = await client.request("/photos", { method: "POST", body: form, headers });
  const { id } = (await response.json()) as { id: string };
  await client.analysed(id);
  await client.request("/search?q=coffee");
  await client.request("/photos", { method: "POST", body: "nonsense" });
  await strangeRequests();
}, 120_000);

afterAll(async () => {
  receiver.close();
  removeFolders();
});

/** What must not make new series: whoever sends it can think of endlessly many. */
async function strangeRequests(): Promise<void> {
  for (let each = 0; each < 20; each += 1) {
    await fetch(`${ocelli.address}/no/such/path/${each}?q=${each}`);
    await fetch(`${ocelli.address}/api/v1/photos/nobody-${each}`);
  }
  for (const method of ["PROPFIND", "PURGE", "MKCOL", "SEARCH"]) await fetch(ocelli.address, { method });
}

async function scrape(accept?: string): Promise<Scrape & { contentType: string }> {
  const response = await fetch(`${metricsUrl}/metrics`, accept ? { headers: { accept } } : {});
  return {
    ...parseExposition(await response.text()),
    contentType: response.headers.get("content-type") ?? "",
  };
}

function familyOf(name: string): string {
  return names.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "");
}

test("what is measured is what the registry lists", async () => {
  const { types, series } = await scrape();
  const own = [...types.keys()].filter((name) => name.startsWith("ocelli_")).sort();
  expect(own).toEqual([...names.keys()].sort());
  for (const spec of specs) expect(types.get(spec.name), spec.name).toBe(spec.type);
  const seen = new Set(series.map(({ name }) => familyOf(name)));
  const failures = series.find(({ name }) => name === metricSpecs.sampleFailures.name);
  expect(failures?.value).toBe(0);
  expect(specs.filter(({ name }) => !seen.has(name) && !troubles.has(name)).map(({ name }) => name)).toEqual(
    [],
  );
});

test("labels and their values stay within the registry's bounds", async () => {
  const { series } = await scrape();
  const values = new Map<string, Set<string>>();
  for (const { name, labels } of series) {
    const spec = names.get(familyOf(name));
    if (!spec) continue;
    const { le: _, ...rest } = labels;
    expect(Object.keys(rest).sort(), name).toEqual(Object.keys(spec.labels).sort());
    for (const [label, value] of Object.entries(rest)) {
      const key = `${spec.name}.${label}`;
      values.set(key, (values.get(key) ?? new Set()).add(value));
    }
  }
  for (const spec of specs) {
    for (const [label, allowed] of Object.entries(spec.labels)) {
      const found = [...(values.get(`${spec.name}.${label}`) ?? [])];
      if ("max" in allowed) expect(found.length, `${spec.name}.${label}`).toBeLessThanOrEqual(allowed.max);
      else expect(allowed, `${spec.name}.${label}`).toEqual(expect.arrayContaining(found));
    }
  }
  const routes = values.get("ocelli_http_seconds.route");
  expect([...(routes ?? [])].filter((route) => /such|nobody/.test(route))).toEqual([]);
});

test("readers that understand it get exemplars, and they name the trace of the upload", async () => {
  expect((await scrape()).contentType).toContain("text/plain; version=0.0.4");
  const { contentType, series } = await scrape("application/openmetrics-text;version=1.0.0,text/plain;q=0.3");
  expect(contentType).toContain("application/openmetrics-text; version=1.0.0");
  const traced = series.filter(({ exemplar }) => exemplar === traceId).map(({ name }) => familyOf(name));
  expect(traced).toEqual(
    expect.arrayContaining([metricSpecs.httpSeconds.name, metricSpecs.rpcServerSeconds.name]),
  );
});

test("the metrics port serves nothing else", async () => {
  const statuses = await Promise.all([
    fetch(`${metricsUrl}/`),
    fetch(`${metricsUrl}/health`),
    fetch(`${metricsUrl}/metrics`, { method: "POST", body: "x" }),
    fetch(`${metricsUrl}/metrics`, { method: "HEAD" }),
  ]);
  expect(statuses.map(({ status }) => status)).toEqual([404, 404, 405, 200]);
});

test("one upload is one trace: HTTP, gRPC, SQL, publish, consume and model runs", async () => {
  expect(await ocelli.end("SIGTERM")).toBe(0);
  const spans = receiver.spans.filter((span) => span.traceId === traceId);
  const chain = (name: RegExp): string[] => {
    const found = spans.find((span) => name.test(span.name));
    expect(found, `${name} among ${spans.map((span) => span.name).join(", ")}`).toBeDefined();
    return found ? ancestors(found, spans) : [];
  };
  const http = "POST /api/v1/photos";
  expect(chain(/^POST \/api\/v1\/photos$/)).toEqual([http]);
  expect(chain(/LibraryService\/UploadPhoto/).at(-1)).toBe(http);
  expect(chain(/^SQL INSERT/).join(" < ")).toMatch(/UploadPhoto.* < POST \/api\/v1\/photos$/);
  expect(chain(/^publish ocelli\.library\.photo\.ready$/).join(" < ")).toMatch(
    /UploadPhoto.* < POST \/api\/v1\/photos$/,
  );
  expect(chain(/^consume ocelli\.library\.photo\.ready$/).join(" < ")).toMatch(
    /publish ocelli\.library\.photo\.ready < .*POST \/api\/v1\/photos$/,
  );
  expect(chain(/^model\.run objects-/).join(" < ")).toMatch(
    /consume ocelli\.library\.photo\.ready < publish/,
  );
  expect(chain(/^model\.run caption-decoder/).join(" < ")).toMatch(
    /consume ocelli\.scene\.photo\.classified < publish ocelli\.scene\.photo\.classified < consume ocelli\.library\.photo\.ready/,
  );
  expect(chain(/LibraryService\/FetchForAnalysis/).join(" < ")).toMatch(
    /consume ocelli\.library\.photo\.ready/,
  );
  // The chain ends at the caller's own span.
  expect(spans.find((span) => span.name === http)?.parentSpanId).toBe(caller);
  const upload = spans.filter(({ name }) => name.endsWith("/UploadPhoto"));
  const chunks = upload.map(({ attributes }) => [
    attributes["ocelli.rpc.messages.sent"],
    attributes["ocelli.rpc.messages.received"],
  ]);
  // The client's span counts what it sent, the server's what came.
  expect(chunks.flat().filter((count) => count !== undefined)).toHaveLength(2);
  expect(Number(chunks.flat().find((count) => count !== undefined))).toBeGreaterThan(1);
});

test("what is traced is what the registry lists", () => {
  const strange = new Set<string>();
  const seen = new Set<SpanSpec>();
  for (const { name, kind, attributes, events } of receiver.spans) {
    const spec = spanSpecs.find((each) => each.pattern.test(name) && kindNumbers[each.kind] === kind);
    if (!spec) {
      strange.add(`${name} of kind ${kind}`);
      continue;
    }
    seen.add(spec);
    const allowed: readonly string[] = spec.attributes;
    for (const key of Object.keys(attributes))
      if (!allowed.includes(key)) strange.add(`${spec.name}: ${key}`);
    for (const event of events) {
      if (!spec.events?.includes(event.name)) strange.add(`${spec.name}: event ${event.name}`);
    }
  }
  expect([...strange]).toEqual([]);
  expect(spanSpecs.filter((spec) => !seen.has(spec))).toEqual([]);
});

// opentelemetry-proto, trace/v1/trace.proto.
const kindNumbers = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

/** Names from a span up to the outermost one received. */
function ancestors(span: ReceivedSpan, spans: ReceivedSpan[]): string[] {
  const found: string[] = [];
  for (let at: ReceivedSpan | undefined = span; at; ) {
    found.push(at.name);
    const parent: string = at.parentSpanId;
    at = spans.find((each) => each.spanId === parent);
  }
  return found;
}
