import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { Client } from "./harness/client.ts";
import { removeFolders, startOcelli, temporaryFolder } from "./harness/ocelli-process.ts";
import { type ReceivedSpan, startOtlpReceiver } from "./harness/otlp-receiver.ts";
import { photoBytes } from "./harness/photos.ts";

afterAll(removeFolders);

test("one upload is one trace: HTTP, gRPC, SQL, publish, consume and model runs", async () => {
  const receiver = await startOtlpReceiver();
  const ocelli = await startOcelli(["up"], {
    OCELLI_DATA: temporaryFolder(),
    OCELLI_EVENTS: "nats",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
  });
  const client = await Client.signedUp(ocelli.address, "maria@example.org");
  const traceId = randomBytes(16).toString("hex");
  const caller = randomBytes(8).toString("hex");
  const form = new FormData();
  form.set("file", new Blob([photoBytes("coffee.png")]), "coffee.png");
  const headers = { traceparent: `00-${traceId}-${caller}-01` };
  const response = await client.request("/photos", { method: "POST", body: form, headers });
  const { id } = (await response.json()) as { id: string };
  await client.analysed(id);
  await delay(1500);
  expect(await ocelli.end("SIGTERM")).toBe(0);
  receiver.close();

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
}, 120_000);

/** Names from a span up to the outermost one received. */
function ancestors(span: ReceivedSpan, spans: ReceivedSpan[]): string[] {
  const names: string[] = [];
  for (let at: ReceivedSpan | undefined = span; at; ) {
    names.push(at.name);
    const parent: string = at.parentSpanId;
    at = spans.find((each) => each.spanId === parent);
  }
  return names;
}
