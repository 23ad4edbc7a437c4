import { TraceFlags } from "@opentelemetry/api";
import { afterEach, describe, expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";
import { type MetricsServer, startMetricsServer } from "./metrics-server.ts";
import { metricSpecs } from "./names.ts";
import { createSampling } from "./sampling.ts";

const open = "application/openmetrics-text;version=1.0.0,text/plain;q=0.3";
const labels = { route: "/a", method: "GET", status: "200" };
const span = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: TraceFlags.SAMPLED,
};

describe("the exposition", () => {
  test("has every metric of the registry once, whether it was measured or not", async () => {
    const { body } = await createMetrics().expose();
    const types = [...body.matchAll(/^# TYPE (ocelli_\S+) (\w+)$/gm)].map(([, name, type]) => [name, type]);
    expect(types).toEqual(Object.values(metricSpecs).map(({ name, type }) => [name, type]));
  });

  test("keeps the names of counters in both formats, in whatever order they are asked for", async () => {
    const metrics = createMetrics();
    metrics.refused.inc({ reason: "QUEUE_FULL" });
    for (const accept of ["", open, "text/plain", open]) {
      const { body } = await metrics.expose(accept);
      expect(body).toContain('\nocelli_refused_total{reason="QUEUE_FULL"} 1\n');
      const family = accept === open ? "ocelli_refused" : "ocelli_refused_total";
      expect(body).toContain(`# TYPE ${family} counter\n`);
      expect(body.endsWith("# EOF\n")).toBe(accept === open);
    }
  });

  test("names traces that are sampled, to readers that know exemplars", async () => {
    const metrics = createMetrics();
    metrics.httpSeconds.observe(labels, 0.003, span);
    metrics.httpSeconds.observe(labels, 0.2, { ...span, traceFlags: TraceFlags.NONE });
    const { body } = await metrics.expose(open);
    expect(body).toMatch(
      new RegExp(`le="0.005",[^}]*\\} 1 # \\{trace_id="${span.traceId}"\\} 0\\.003 [\\d.]+$`, "m"),
    );
    expect(body.match(/trace_id/g)).toHaveLength(1);
    expect((await metrics.expose()).body).not.toContain("trace_id");
    expect((await metrics.expose("application/openmetrics-text;q=0")).contentType).toContain("text/plain");
  });

  test("escapes what labels hold", async () => {
    const metrics = createMetrics();
    metrics.refused.inc({ reason: 'a"b\\c\nd' });
    expect((await metrics.expose()).body).toContain('reason="a\\"b\\\\c\\nd"');
  });
});

describe("sampling", () => {
  test("asks again only for what is old, and never twice at once", async () => {
    let asked = 0;
    let nowMs = 0;
    const sampling = createSampling(
      () => undefined,
      () => nowMs,
    );
    sampling.add(() => {
      asked += 1;
    });
    await Promise.all([sampling.run(), sampling.run()]);
    await sampling.run();
    expect(asked).toBe(1);
    nowMs = 2_000;
    await sampling.run();
    expect(asked).toBe(2);
  });

  test("counts what fails and does not wait for what hangs", async () => {
    let failures = 0;
    const seen: string[] = [];
    const sampling = createSampling(() => {
      failures += 1;
    });
    sampling.add(() => Promise.reject(new Error("no database")));
    sampling.add(() => new Promise(() => undefined));
    const remove = sampling.add(() => void seen.push("removed"));
    sampling.add(() => void seen.push("kept"));
    remove();
    await sampling.run();
    expect(seen).toEqual(["kept"]);
    expect(failures).toBe(2);
  });
});

describe("the metrics server", () => {
  let server: MetricsServer | undefined;
  afterEach(() => server?.stop());

  test("serves GET and HEAD of /metrics and nothing else", async () => {
    server = await startMetricsServer({ metrics: createMetrics(), host: "127.0.0.1", port: 0 });
    const answer = async (path: string, init?: RequestInit) => {
      const response = await fetch(`${server?.url}${path}`, init);
      return [response.status, (await response.text()).includes("ocelli_http_seconds")];
    };
    expect(await answer("/metrics")).toEqual([200, true]);
    expect(await answer("/metrics?x=1", { headers: { accept: open } })).toEqual([200, true]);
    expect(await answer("/metrics", { method: "HEAD" })).toEqual([200, false]);
    expect(await answer("/metrics", { method: "POST", body: "x".repeat(100_000) })).toEqual([405, false]);
    expect(await answer("/metrics/../secrets")).toEqual([404, false]);
    expect(await answer("/")).toEqual([404, false]);
  });

  test("says that a port is taken", async () => {
    server = await startMetricsServer({ metrics: createMetrics(), host: "127.0.0.1", port: 0 });
    const port = Number(new URL(server.url).port);
    const second = startMetricsServer({ metrics: createMetrics(), host: "127.0.0.1", port });
    await expect(second).rejects.toThrow("EADDRINUSE");
  });

  test("says no more than that when the metrics cannot be read", async () => {
    const metrics = { expose: () => Promise.reject(new Error("hunter2")) };
    server = await startMetricsServer({ metrics, host: "127.0.0.1", port: 0 });
    const response = await fetch(`${server.url}/metrics`);
    expect([response.status, await response.text()]).toEqual([500, "The metrics could not be read.\n"]);
  });
});
