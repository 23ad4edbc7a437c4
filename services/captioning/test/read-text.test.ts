import { createEngine, type Engine, loadManifest, type RgbImage } from "@ocelli/inference";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readText, textModelVersion } from "../src/model/analyze.ts";
import { openPhoto } from "./photos.ts";
import { renderText } from "./rendered-text.ts";

let engine: Engine;
beforeAll(async () => {
  engine = createEngine({ manifest: await loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 32 });
});
afterAll(() => engine.close());

const textsOf = async (image: RgbImage): Promise<string[]> =>
  (await readText(engine, image)).lines.map(({ text }) => text);

describe("readText", () => {
  it("reads fonts and sizes, in reading order, with boxes where the text is", async () => {
    const image = await renderText("mixed", 640, 400, [
      { text: "Hello World, this is Ocelli", x: 30, y: 60, size: 32 },
      { text: "Total: $1,234.56", x: 30, y: 190, size: 20, font: "DejaVu Sans Mono, monospace" },
      { text: "right column", x: 380, y: 300, size: 24 },
      { text: "left column", x: 30, y: 300, size: 24, font: "DejaVu Serif, serif" },
    ]);
    const { lines, model } = await readText(engine, image);
    const expected = ["Hello World, this is Ocelli", "Total: $1,234.56", "left column", "right column"];
    expect(lines.map(({ text }) => text)).toEqual(expected);
    for (const { score } of lines) expect(score).toBeGreaterThan(0.9);
    expect(lines[3]?.box.x).toBeCloseTo(380 / 640, 1);
    expect(lines[3]?.box.y).toBeCloseTo(280 / 400, 1);
    expect(model).toBe(textModelVersion(engine));
  });

  it.each([-10, -5, 3, 10])("reads lines turned by %i degrees", async (rotate) => {
    const y = rotate < 0 ? 260 : 120;
    const image = await renderText(`turned-${rotate}`, 640, 400, [
      { text: "Welcome to the city park", x: 60, y, size: 34, rotate },
      { text: "please keep off the grass", x: 60, y: y + 60, size: 28, font: "serif", rotate },
    ]);
    expect(await textsOf(image)).toEqual(["Welcome to the city park", "please keep off the grass"]);
  });

  it("reads faint text and light text on dark", async () => {
    const faint = await renderText(
      "faint",
      640,
      200,
      [{ text: "Low contrast sign", x: 40, y: 100, size: 40, fill: "#999" }],
      "#bbb",
    );
    expect(await textsOf(faint)).toEqual(["Low contrast sign"]);
    const dark = await renderText(
      "dark",
      640,
      200,
      [{ text: "NO PARKING", x: 40, y: 100, size: 60, fill: "white" }],
      "#123",
    );
    expect(await textsOf(dark)).toEqual(["NO PARKING"]);
  });

  it("reads a line longer than the recogniser's usual strip", async () => {
    const text = "The quick brown fox jumps over the lazy dog while the sun sets behind the hills";
    expect(await textsOf(await renderText("long", 1400, 120, [{ text, x: 20, y: 60, size: 30 }]))).toEqual([
      text,
    ]);
  });

  it.each(["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"])(
    "finds no text in %s",
    async (name) => {
      expect(await textsOf(await openPhoto(engine, name))).toEqual([]);
    },
  );

  it("survives pictures of one pixel and of extreme shape", async () => {
    const dot = { key: "dot", width: 1, height: 1, data: new Uint8Array(3) };
    const line = { key: "line", width: 3000, height: 2, data: new Uint8Array(18_000).fill(255) };
    expect(await textsOf(dot)).toEqual([]);
    expect(await textsOf(line)).toEqual([]);
  });

  it("stops when the caller's deadline has passed", async () => {
    const image = await renderText("late", 320, 96, [{ text: "too late", x: 10, y: 60, size: 30 }]);
    await expect(readText(engine, image, { deadlineMs: Date.now() - 1 })).rejects.toMatchObject({
      reason: "DEADLINE_EXCEEDED",
    });
  });
});
