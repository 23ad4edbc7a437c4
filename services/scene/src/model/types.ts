/** A box in fractions 0..1 of the upright picture, clipped to it. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Something seen, with the model's trust in it, 0..1. */
export interface Labelled {
  label: string;
  score: number;
}

/** One object found by the detector. */
export interface DetectedObject extends Labelled {
  box: Box;
}

/** One dominant colour: palette name, sRGB hex such as `#1a2b3c`, share of the picture 0..1. */
export interface NamedColor {
  name: string;
  hex: string;
  share: number;
}

/** Where a photo was taken, as far as it can be told. */
export type Place = "indoor" | "outdoor" | "unknown";
