import sharp from "sharp";
import { expect, test } from "vitest";
import { annotate } from "./annotate.ts";
import { drawSvg } from "./svg.ts";

const size = { width: 400, height: 300 };

function plain(background: string): Promise<Buffer> {
  return sharp({ create: { ...size, channels: 3, background } })
    .jpeg()
    .toBuffer();
}

/** Mean distance of a region's pixels from a colour, 0..255. */
async function difference(
  bytes: Buffer,
  region: { left: number; top: number; width: number; height: number },
  [red, green, blue]: [number, number, number],
): Promise<number> {
  const data = await sharp(bytes).extract(region).removeAlpha().raw().toBuffer();
  let sum = 0;
  for (let at = 0; at < data.length; at += 3) {
    sum +=
      Math.abs((data[at] ?? 0) - red) +
      Math.abs((data[at + 1] ?? 0) - green) +
      Math.abs((data[at + 2] ?? 0) - blue);
  }
  return sum / data.length;
}

const box = { x: 0.25, y: 0.4, width: 0.5, height: 0.4 };

test.each([
  ["white", [255, 255, 255]],
  ["black", [0, 0, 0]],
  ["yellow", [255, 255, 0]],
  ["grey", [128, 128, 128]],
] satisfies Array<[string, [number, number, number]]>)(
  "a box shows on %s, and only where it is",
  async (name, color) => {
    for (const kind of ["face", "object"] as const) {
      const bytes = await annotate(await plain(name), [{ kind, box, text: "" }]);
      expect(await sharp(bytes).metadata()).toMatchObject({ format: "jpeg", ...size });
      // Left, right, top and bottom edge.
      expect(await difference(bytes, { left: 97, top: 150, width: 6, height: 40 }, color)).toBeGreaterThan(
        25,
      );
      expect(await difference(bytes, { left: 297, top: 150, width: 6, height: 40 }, color)).toBeGreaterThan(
        25,
      );
      expect(await difference(bytes, { left: 180, top: 117, width: 40, height: 6 }, color)).toBeGreaterThan(
        25,
      );
      expect(await difference(bytes, { left: 180, top: 237, width: 40, height: 6 }, color)).toBeGreaterThan(
        25,
      );
      expect(await difference(bytes, { left: 120, top: 140, width: 150, height: 80 }, color)).toBeLessThan(6);
      expect(await difference(bytes, { left: 0, top: 0, width: 80, height: 300 }, color)).toBeLessThan(6);
    }
  },
);

test("a label lies above its box, or inside where there is no room", async () => {
  const above = await annotate(await plain("white"), [{ kind: "object", box, text: "cat 97%" }]);
  const white: [number, number, number] = [255, 255, 255];
  expect(await difference(above, { left: 104, top: 109, width: 30, height: 6 }, white)).toBeGreaterThan(100);
  const top = { ...box, y: 0 };
  const inside = await annotate(await plain("white"), [{ kind: "object", box: top, text: "cat 97%" }]);
  expect(await difference(inside, { left: 104, top: 3, width: 30, height: 6 }, white)).toBeGreaterThan(100);
});

test("texts cannot become markup, and are cut", async () => {
  const text = `</text><image href="file:///etc/passwd"/>&amp;<script>'"\u0000\u202e${"x".repeat(500)}`;
  const svg = drawSvg(size, [{ kind: "face", box, text }]);
  expect(svg).not.toMatch(/<image|<script|&amp;|\u202e/);
  expect(svg.length).toBeLessThan(1500);
  expect(
    await difference(
      await annotate(await plain("white"), [{ kind: "face", box, text }]),
      { left: 97, top: 150, width: 6, height: 40 },
      [255, 255, 255],
    ),
  ).toBeGreaterThan(25);
});

test("boxes that cannot be are left out, others cut at the edge", async () => {
  const wrong = [
    { x: Number.NaN, y: 0, width: 1, height: 1 },
    { x: 2, y: 2, width: 1, height: 1 },
    { x: 0.5, y: 0.5, width: -1, height: 0.2 },
    { x: 0, y: 0, width: 0, height: 0 },
  ];
  const svg = drawSvg(
    size,
    wrong.map((each) => ({ kind: "object", box: each, text: "x" })),
  );
  expect(svg).not.toContain("<rect");
  const huge = drawSvg(size, [{ kind: "object", box: { x: -5, y: -5, width: 10, height: 10 }, text: "" }]);
  expect(huge).toContain('x="0.0" y="0.0" width="400.0" height="300.0"');
  const many = Array.from({ length: 5000 }, () => ({ kind: "face" as const, box, text: "name" }));
  expect(drawSvg(size, many).length).toBeLessThan(200_000);
});
