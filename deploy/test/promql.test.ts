import { expect, test } from "vitest";
import { groupedLabelsOf, selectorsOf } from "./promql.ts";

test.each([
  ["up == 0", [{ metric: "up", labels: [] }]],
  [
    'sum by (le) (rate(a_bucket{x="}{",y!~"b|c"}[5m] offset 1h)) / on (job) group_left (service) b:c',
    [
      { metric: "a_bucket", labels: ["x", "y"] },
      { metric: "b:c", labels: [] },
    ],
  ],
  ["topk(10, histogram_quantile(0.95, a)) or vector(0)", [{ metric: "a", labels: [] }]],
])("finds what %s asks for", (expression, selectors) => {
  expect(selectorsOf(expression)).toEqual(selectors);
});

test("finds by what an expression groups", () => {
  expect(groupedLabelsOf("sum by (a, b) (x) / on (c) group_left (d) y")).toEqual(["a", "b", "c", "d"]);
});
