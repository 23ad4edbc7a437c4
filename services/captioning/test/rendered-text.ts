import type { RgbImage } from "@ocelli/inference";
import sharp from "sharp";

/** One line to draw; `x`, `y` is the left end of the baseline in pixels, `rotate` in degrees about that point. */
export interface DrawnLine {
  text: string;
  x: number;
  y: number;
  size: number;
  font?: string;
  weight?: string;
  fill?: string;
  rotate?: number;
}

/** A picture with the lines drawn on it (fonts as installed; families fall back to the default one). */
export async function renderText(
  key: string,
  width: number,
  height: number,
  lines: DrawnLine[],
  background = "white",
): Promise<RgbImage> {
  const drawn = lines.map(
    (line) =>
      `<text x="${line.x}" y="${line.y}" font-size="${line.size}" font-family="${line.font ?? "sans-serif"}" ` +
      `font-weight="${line.weight ?? "normal"}" fill="${line.fill ?? "black"}" ` +
      `transform="rotate(${line.rotate ?? 0} ${line.x} ${line.y})">${line.text}</text>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="${background}"/>${drawn.join("")}</svg>`;
  const { data } = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { key, width, height, data };
}
