import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { datasourceUid } from "../grafana/source/panels.ts";
import { type KnownMetrics, knownMetrics } from "./known-metrics.ts";
import { groupedLabelsOf, selectorsOf } from "./promql.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const folder = `${repository}deploy/grafana/dashboards/`;
const provisioning = `${repository}deploy/grafana/provisioning/datasources/`;

const datasourceSchema = z.object({ type: z.literal("prometheus"), uid: z.string() });
const positionSchema = z.object({
  x: z.number().int(),
  y: z.number().int(),
  w: z.number().int(),
  h: z.number().int(),
});
const dashboardSchema = z.object({
  uid: z.string().regex(/^[a-z-]{1,40}$/),
  title: z.string().min(1),
  schemaVersion: z.number(),
  panels: z.array(
    z.object({
      id: z.number().int().positive(),
      type: z.enum(["row", "timeseries", "stat"]),
      title: z.string().min(1),
      description: z.string().optional(),
      gridPos: positionSchema,
      datasource: datasourceSchema.optional(),
      targets: z
        .array(z.object({ refId: z.string(), expr: z.string(), datasource: datasourceSchema }))
        .optional(),
    }),
  ),
});

const dashboards = readdirSync(folder).map((file) => {
  const text = readFileSync(folder + file, "utf8");
  return [file, dashboardSchema.parse(JSON.parse(text))] as const;
});
const rules = z
  .object({
    groups: z.array(z.object({ rules: z.array(z.object({ record: z.string(), expr: z.string() })) })),
  })
  .parse(parse(readFileSync(`${repository}deploy/prometheus/rules/recording.yml`, "utf8")))
  .groups.flatMap((group) => group.rules);

let known: KnownMetrics;
beforeAll(async () => {
  const measured = new Map(await knownMetrics());
  for (const { record, expr } of rules) measured.set(record, new Set(groupedLabelsOf(expr)));
  known = measured;
});

test("are what their source says", () => {
  const write = `${repository}deploy/grafana/write-dashboards.ts`;
  expect(() => execFileSync(process.execPath, [write, "--check"], { stdio: "pipe" })).not.toThrow();
});

test("have names of their own", () => {
  const uids = dashboards.map(([, { uid }]) => uid);
  expect(new Set(uids).size).toBe(uids.length);
  expect(dashboards.length).toBeGreaterThan(0);
});

test("ask a Prometheus that is provisioned", ({ skip }) => {
  if (!existsSync(provisioning)) return skip("deploy/grafana/provisioning is not here");
  const files = readdirSync(provisioning).map((file) => readFileSync(provisioning + file, "utf8"));
  const schema = z.object({ datasources: z.array(z.object({ type: z.string(), uid: z.string() })) });
  const sources = files.flatMap((file) => schema.parse(parse(file)).datasources);
  expect(sources).toContainEqual({ type: "prometheus", uid: datasourceUid });
});

describe.each(dashboards)("%s", (file, { uid, panels }) => {
  test("is well-formed: named after its uid, ids once, panels beside each other", () => {
    expect(file).toBe(`${uid}.json`);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = new Set<string>();
    for (const { gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(cells.has(`${x}/${y}`)).toBe(false);
          cells.add(`${x}/${y}`);
        }
      }
    }
  });

  test("explains every panel and asks for something in it", () => {
    for (const { type, title, description, targets } of panels) {
      if (type === "row") continue;
      expect(description, title).toBeTruthy();
      expect(targets?.length, title).toBeGreaterThan(0);
      expect(new Set(targets?.map(({ refId }) => refId)).size).toBe(targets?.length);
    }
  });

  test("asks only for what is measured, of the one Prometheus", () => {
    const targets = panels.flatMap((panel) => panel.targets ?? []);
    for (const { expr, datasource } of targets) {
      expect(datasource.uid).toBe(datasourceUid);
      const selectors = selectorsOf(expr);
      expect(selectors.length, expr).toBeGreaterThan(0);
      const labels = new Set<string>();
      for (const { metric, labels: matched } of selectors) {
        expect(known.has(metric), `${metric} of ${expr}`).toBe(true);
        for (const label of known.get(metric) ?? []) labels.add(label);
        for (const label of matched) expect([...(known.get(metric) ?? [])], expr).toContain(label);
      }
      for (const label of groupedLabelsOf(expr)) expect([...labels], expr).toContain(label);
    }
  });
});

test("every metric is looked at somewhere", () => {
  const asked = dashboards.flatMap(([, { panels }]) =>
    panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => selectorsOf(expr))),
  );
  const used = new Set(
    [...asked, ...rules.flatMap(({ expr }) => selectorsOf(expr))].map(({ metric }) => metric),
  );
  const families = new Set([...used].map((name) => name.replace(/_(bucket|count|sum)$/, "")));
  const own = [...known.keys()].filter((name) => name.startsWith("ocelli_"));
  const unseen = own.filter(
    (name) => !families.has(name) && !families.has(name.replace(/_(bucket|count|sum)$/, "")),
  );
  // Its only use is the alert.
  expect(unseen).toEqual(["ocelli_sample_failures_total"]);
});
