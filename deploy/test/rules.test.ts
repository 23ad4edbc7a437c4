import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { type KnownMetrics, knownMetrics } from "./known-metrics.ts";
import { groupedLabelsOf, selectorsOf } from "./promql.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const rulesFolder = `${repository}deploy/prometheus/rules/`;
const testsFolder = `${repository}deploy/prometheus/tests/`;

const fileSchema = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.object({
          alert: z.string().optional(),
          record: z.string().optional(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.record(z.string(), z.string()).optional(),
          annotations: z.record(z.string(), z.string()).optional(),
        }),
      ),
    }),
  ),
});

const files = readdirSync(rulesFolder).filter((file) => file.endsWith(".yml"));
const rules = files.flatMap((file) =>
  fileSchema.parse(parse(readFileSync(rulesFolder + file, "utf8"))).groups.flatMap((group) => group.rules),
);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const recorded = new Set(rules.flatMap(({ record }) => record ?? []));

let known: KnownMetrics;
beforeAll(async () => {
  known = await knownMetrics();
});

test.each(rules.map((rule) => [rule.alert ?? rule.record ?? "", rule.expr] as const))(
  "%s asks only for what is measured",
  (_, expr) => {
    const selectors = selectorsOf(expr);
    expect(selectors.length).toBeGreaterThan(0);
    const labels = new Set(recordedLabels(selectors.map(({ metric }) => metric)));
    for (const { metric, labels: matched } of selectors) {
      if (recorded.has(metric)) continue;
      expect(known.has(metric), `${metric} is measured`).toBe(true);
      for (const label of known.get(metric) ?? []) labels.add(label);
      for (const label of matched) expect([...(known.get(metric) ?? [])], metric).toContain(label);
    }
    for (const label of groupedLabelsOf(expr)) expect([...labels]).toContain(label);
  },
);

/** What a recorded series is grouped by. */
function recordedLabels(metrics: string[]): string[] {
  return rules
    .filter(({ record }) => record !== undefined && metrics.includes(record))
    .flatMap(({ expr }) => groupedLabelsOf(expr));
}

describe.each(alerts.map((rule) => [rule.alert ?? "", rule] as const))("%s", (name, rule) => {
  test("says what is wrong, how bad, and what to do", () => {
    expect(name).toMatch(/^Ocelli[A-Z]\w+$/);
    expect(rule.labels?.severity).toMatch(/^(page|ticket|info)$/);
    expect(rule.annotations?.summary).toBeTruthy();
    expect(rule.annotations?.description).toBeTruthy();
    expect(rule.annotations?.runbook_url).toMatch(/^docs\/operations\.md#[a-z-]+$/);
  });

  test("names only labels that it has", () => {
    const texts = Object.values(rule.annotations ?? {}).join(" ");
    const used = [...texts.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
    const selectors = selectorsOf(rule.expr);
    const grouped = [...groupedLabelsOf(rule.expr), ...recordedLabels(selectors.map(({ metric }) => metric))];
    // Without a grouping a series keeps its own labels.
    const own = /\b(sum|max|min|count) /.test(rule.expr)
      ? []
      : selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]);
    for (const label of used) expect([...grouped, ...own]).toContain(label);
  });

  test("has a case in which it fires", () => {
    const cases = readdirSync(testsFolder).map((file) => readFileSync(testsFolder + file, "utf8"));
    expect(cases.join("\n")).toContain(`alertname="${name}"`);
  });

  test("has its runbook", ({ skip }) => {
    const anchor = rule.annotations?.runbook_url?.split("#")[1] ?? "";
    const document = `${repository}docs/operations.md`;
    if (!existsSync(document)) return skip("docs/operations.md is not here");
    const headings = readFileSync(document, "utf8").matchAll(/^#+ (.+)$/gm);
    const anchors = [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .replaceAll(/\s/g, "-"),
    );
    expect(anchors).toContain(anchor);
  });
});

test("Prometheus accepts the rules, and each alert fires when it should and not otherwise", ({ skip }) => {
  if (!hasPromtool()) return skip("promtool is not on PATH (Debian: apt-get install prometheus)");
  promtool("check", "rules", ...files.map((file) => rulesFolder + file));
  promtool("test", "rules", ...readdirSync(testsFolder).map((file) => testsFolder + file));
});

function hasPromtool(): boolean {
  try {
    execFileSync("promtool", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Fails with what the tool printed. */
function promtool(...args: string[]): void {
  try {
    execFileSync("promtool", args, { encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const output = error instanceof Error && "stdout" in error ? `${error.stdout}` : "";
    throw new Error(`promtool ${args.slice(0, 2).join(" ")}: ${error}\n${output}`);
  }
}
