import { type Oklab, rgbToOklab } from "./oklab.ts";

/**
 * Names people use, with typical sRGB values: CSS named colours first, then the darker and duller shades of
 * the same name that photos hold (skin and wood, evening sky, foliage), chosen by eye.
 */
const palette: Readonly<Record<string, readonly string[]>> = {
  black: ["#000000", "#141414", "#0a0e18", "#1a1015"],
  "dark gray": ["#3c3c3c", "#505050", "#3a3d42"],
  gray: ["#808080", "#696969", "#959595", "#8a8580"],
  "light gray": ["#c0c0c0", "#d3d3d3", "#b0b0b0"],
  white: ["#ffffff", "#f0f0f0"],
  red: ["#ff0000", "#dc143c", "#c82828"],
  "dark red": ["#8b0000", "#6e1419", "#90282b"],
  orange: ["#ffa500", "#ff7f50", "#e07830", "#d56340"],
  brown: ["#8b4513", "#a0522d", "#735040", "#906840", "#a7421e", "#845e43", "#977054"],
  "dark brown": ["#3c261a", "#4a1e0c", "#57341e", "#483028"],
  tan: ["#d2b48c", "#c3a078", "#b8905a", "#c8a896", "#d08c56"],
  beige: ["#f5f5dc", "#e8dac3", "#d8c8b4"],
  yellow: ["#ffff00", "#ffd700", "#e6c840"],
  olive: ["#808000", "#6b6b2f", "#8a8550"],
  green: ["#008000", "#3cb371", "#4c8c4a", "#228b22"],
  "dark green": ["#006400", "#1e4628", "#2f4a2f"],
  "light green": ["#90ee90", "#a0d28c", "#b4c8a0"],
  teal: ["#008080", "#2e7d82"],
  "light blue": ["#add8e6", "#87ceeb", "#96b4d2"],
  blue: ["#0000ff", "#4169e1", "#2d5fbe", "#4682b4"],
  "dark blue": ["#00008b", "#191970", "#1e2850", "#273c5a", "#142945"],
  purple: ["#800080", "#7850a0", "#9370db"],
  pink: ["#ffc0cb", "#ff69b4", "#e2afa4", "#f0a0b4"],
};

/**
 * Weight of the two chroma axes against lightness when naming: the same hue stays the same name in light and
 * shadow. 2 names the example photos as people would; at 1 dull browns and evening blues turn gray.
 */
const chromaWeight = 2;

const samples = Object.entries(palette).flatMap(([name, shades]) =>
  shades.map((hex) => ({ name, lab: parseHex(hex) })),
);

/** The palette name nearest to a colour, by distance in OKLab. */
export function nameColor(lab: Oklab): string {
  let best = { name: "", distance: Number.POSITIVE_INFINITY };
  for (const { name, lab: sample } of samples) {
    const chroma = (lab[1] - sample[1]) ** 2 + (lab[2] - sample[2]) ** 2;
    const distance = (lab[0] - sample[0]) ** 2 + chroma * chromaWeight ** 2;
    if (distance < best.distance) best = { name, distance };
  }
  return best.name;
}

function parseHex(hex: string): Oklab {
  const value = Number.parseInt(hex.slice(1), 16);
  return rgbToOklab(value >> 16, (value >> 8) & 255, value & 255);
}
