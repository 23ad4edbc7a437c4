import { describe, expect, it } from "vitest";
import { nameColor } from "./color-names.ts";
import { colorsOf } from "./colors.ts";
import { oklabToHex, rgbToOklab } from "./oklab.ts";

describe("oklab", () => {
  it("matches the reference values of white and red and survives the way back", () => {
    const [whiteness, ...chroma] = rgbToOklab(255, 255, 255);
    expect(whiteness).toBeCloseTo(1, 4);
    for (const value of chroma) expect(value).toBeCloseTo(0, 4);
    const red = rgbToOklab(255, 0, 0);
    expect(red[0]).toBeCloseTo(0.62796, 4);
    expect(red[1]).toBeCloseTo(0.22486, 4);
    expect(red[2]).toBeCloseTo(0.12585, 4);
    for (const hex of ["#000000", "#0a8cff", "#d56340"]) {
      const value = Number.parseInt(hex.slice(1), 16);
      expect(oklabToHex(rgbToOklab(value >> 16, (value >> 8) & 255, value & 255))).toBe(hex);
    }
  });
});

describe("nameColor", () => {
  it.each([
    [0, 0, 0, "black"],
    [255, 255, 255, "white"],
    [200, 30, 30, "red"],
    [250, 160, 20, "orange"],
    [40, 90, 200, "blue"],
    [39, 60, 90, "dark blue"],
    [60, 140, 60, "green"],
    [151, 112, 84, "brown"],
    [255, 220, 40, "yellow"],
    [255, 190, 200, "pink"],
    [127, 127, 127, "gray"],
  ])("calls %i %i %i %s", (red, green, blue, name) => {
    expect(nameColor(rgbToOklab(red, green, blue))).toBe(name);
  });
});

describe("colorsOf", () => {
  const striped = Uint8Array.from({ length: 64 * 64 * 3 }, (_, index) => {
    const colour = Math.floor(index / 3) % 64 < 48 ? [30, 80, 200] : [255, 255, 255];
    return colour[index % 3] ?? 0;
  });

  it("names the colours of a two-coloured picture with their shares", () => {
    expect(colorsOf(striped)).toEqual([
      { name: "blue", hex: "#1e50c8", share: 0.75 },
      { name: "white", hex: "#ffffff", share: 0.25 },
    ]);
  });

  it("gives the same answer every time, and one colour for a plain picture", () => {
    const noise = Uint8Array.from(
      { length: 64 * 64 * 3 },
      (_, index) => (index * index * 7 + index * 13) % 256,
    );
    expect(colorsOf(noise)).toEqual(colorsOf(noise));
    expect(colorsOf(new Uint8Array(64 * 64 * 3).fill(255))).toEqual([
      { name: "white", hex: "#ffffff", share: 1 },
    ]);
  });
});
