import { expect, test } from "vitest";
import { emptyReport, formatReport } from "./picture-report.ts";

const box = { x: 0, y: 0, width: 1, height: 1 };

test("a full report in aligned lines", () => {
  const report = formatReport({
    file: "a.jpg",
    caption: { text: "A cat.", source: "NEURAL", score: 0.4 },
    scene: { labels: [{ label: "kitchen", score: 0.834 }], indoor: true, unsure: false },
    tags: [{ label: "cat", score: 0.5 }],
    objects: [
      { label: "cup", score: 0.6, box },
      { label: "cup", score: 0.9, box },
      { label: "cat", score: 0.7, box },
    ],
    faces: [{ box, score: 1, quality: 0.456 }],
    text: [{ text: 'say "hi"\u001b[31m', score: 1, box }],
    colors: [{ name: "red", hex: "#ff0000", share: 0.25 }],
    errors: [{ stage: "ocr", reason: "INTERNAL" }],
    elapsedMs: 12.6,
  });
  expect(report.split("\n")).toEqual([
    "a.jpg  (13 ms)",
    "  caption  A cat.",
    "  scene    kitchen 83 %, indoor",
    "  tags     cat 50 %",
    "  objects  2 x cup 90 %, cat 70 %",
    "  faces    1 (quality 0.46)",
    '  text     "say \\"hi\\"\\u001b[31m"',
    "  colours  red #ff0000 25 %",
    "  failed   ocr: INTERNAL",
  ]);
});

test("an empty report says that nothing was found", () => {
  const lines = formatReport(emptyReport("a.jpg")).split("\n");
  expect(lines).toHaveLength(8);
  expect(lines.slice(1).every((line) => /(-|\(none\))$/.test(line))).toBe(true);
});

test.each([
  [{ labels: [], indoor: false, unsure: false }, "unsure, outdoor"],
  [{ labels: [{ label: "beach", score: 0.2 }], indoor: null, unsure: true }, "unsure"],
  [{ labels: [{ label: "beach", score: 1 }], indoor: null, unsure: false }, "beach 100 %"],
])("scene %j", (scene, text) => {
  expect(formatReport({ ...emptyReport("a.jpg"), scene })).toContain(`  scene    ${text}\n`);
});
