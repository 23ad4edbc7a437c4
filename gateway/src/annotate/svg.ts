import type { BoxView } from "../views/schemas.ts";

/** Something to point at in a picture. */
export interface Mark {
  kind: "face" | "object";
  /** Fractions 0..1 of the picture; what lies outside is cut off. */
  box: BoxView;
  /** Empty for none. */
  text: string;
}

/** Pixels of the picture that is drawn upon. */
export interface PictureSize {
  width: number;
  height: number;
}

const colors = { face: "#ffd60a", object: "#4cc9f0" } as const;
const maxMarks = 200;
const maxText = 40;
// East Asian characters and symbols are as wide as high, others little more than half of that.
const wide =
  /[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]|[\u{10000}-\u{10ffff}]/u;

/**
 * Draws marks as an SVG of the picture's size: outlines bright on dark, so that they show on any background, texts in
 * a dark field within the picture. Lines and letters grow with the picture.
 */
export function drawSvg(size: PictureSize, marks: readonly Mark[]): string {
  const unit = Math.max(size.width, size.height) / 480;
  const boxes = marks.slice(0, maxMarks).flatMap((mark) => {
    const area = areaOf(size, mark.box);
    return area ? [{ mark, area }] : [];
  });
  // Texts come last, so that no outline crosses them.
  const shapes = [
    ...boxes.map(({ mark, area }) => outline(area, colors[mark.kind], unit)),
    ...boxes.map(({ mark, area }) => label(size, area, mark, unit)),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${shapes.join("")}</svg>`;
}

interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** In pixels, within the picture; undefined for what is no box. */
function areaOf(size: PictureSize, box: BoxView): Area | undefined {
  const clamp = (value: number) => Math.min(1, Math.max(0, value));
  const [left, top] = [clamp(box.x) * size.width, clamp(box.y) * size.height];
  const width = clamp(box.x + box.width) * size.width - left;
  const height = clamp(box.y + box.height) * size.height - top;
  return width >= 1 && height >= 1 ? { x: left, y: top, width, height } : undefined;
}

function outline(area: Area, color: string, unit: number): string {
  const line = Math.max(1.5, unit * 1.2);
  const stroke = (paint: string, width: number) =>
    `<rect x="${px(area.x)}" y="${px(area.y)}" width="${px(area.width)}" height="${px(area.height)}" fill="none" stroke="${paint}" stroke-width="${px(width)}" stroke-linejoin="round"/>`;
  return stroke("#000000", line * 2) + stroke(color, line);
}

function label(size: PictureSize, area: Area, { kind, text }: Mark, unit: number): string {
  const shown = clean(text);
  if (shown === "") return "";
  const font = Math.max(9, unit * 9);
  const width = Math.min(size.width, textWidth(shown, font) + font * 0.6);
  const height = font * 1.35;
  const left = Math.max(0, Math.min(area.x, size.width - width));
  // Above the box where there is room, else inside.
  const top = area.y >= height ? area.y - height : Math.min(area.y, size.height - height);
  return (
    `<rect x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(height)}" fill="#000000" fill-opacity="0.8"/>` +
    `<text x="${px(left + font * 0.3)}" y="${px(top + font)}" font-family="DejaVu Sans, Noto Sans, sans-serif" font-size="${px(font)}" fill="${colors[kind]}">${escapeXml(shown)}</text>`
  );
}

function textWidth(text: string, font: number): number {
  return [...text].reduce((sum, character) => sum + (wide.test(character) ? 1.05 : 0.62) * font, 0);
}

function clean(text: string): string {
  const cleaned = text
    .slice(0, maxText * 8)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\ufffd\ufffe\uffff]/gu, "")
    .trim();
  const characters = [...cleaned];
  return characters.length > maxText ? `${characters.slice(0, maxText - 1).join("")}…` : cleaned;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function px(value: number): string {
  return value.toFixed(1);
}
