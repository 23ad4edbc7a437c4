import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { prometheusRules, rulesFile } from "../write-rules.ts";
import { root } from "./objects.ts";

test("the cluster gets the rules of deploy/prometheus/rules as they are; `node k8s/write-rules.ts` brings them here", () => {
  expect(readFileSync(rulesFile, "utf8")).toBe(prometheusRules());
});

test("promtool reads the rules about the cluster", ({ skip, onTestFinished }) => {
  const { spec } = parse(readFileSync(join(root, "components/monitoring/cluster-rules.yaml"), "utf8"));
  try {
    execFileSync("promtool", ["--version"], { stdio: "ignore" });
  } catch {
    skip("there is no promtool on PATH");
  }
  const folder = mkdtempSync(join(tmpdir(), "ocelli-rules-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "rules.yml");
  writeFileSync(file, stringify(spec));
  const said = execFileSync("promtool", ["check", "rules", file], { encoding: "utf8" });
  expect(said).toContain(`SUCCESS: ${spec.groups[0].rules.length} rules found`);
});
