/** Rectangle at any angle, in pixels of whatever picture it was found in. */
export interface RotatedRect {
  centerX: number;
  centerY: number;
  /** Extent along the direction of `angle`. */
  width: number;
  height: number;
  /** Radians, -PI/4..PI/4, positive turns clockwise on the screen (y grows downwards). */
  angle: number;
}

/** A place that probably holds one line of text. */
export interface TextRegion {
  rect: RotatedRect;
  /** Mean text probability inside the rectangle before widening, 0..1. */
  score: number;
}

/** Axis-aligned box in fractions of the picture, 0..1. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One line as read. */
export interface TextLine {
  text: string;
  /** Mean probability of its characters, 0..1. */
  score: number;
  box: Box;
}
