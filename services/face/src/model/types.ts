/** A point in pixels of the upright picture, or in fractions where the name says so. */
export type Point = readonly [x: number, y: number];

/** A box in pixels of the upright picture; may reach outside it until it is clipped. */
export interface PixelBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * One face as the detector sees it, in pixels of the upright picture. `landmarks` are BlazeFace's six points:
 * right eye, left eye, nose tip, mouth centre, right ear, left ear, where right is the subject's (image
 * left).
 */
export interface Detection {
  box: PixelBox;
  score: number;
  landmarks: Point[];
}

/** One analysed face: what `analyzeFaces` answers and the face service stores. */
export interface FaceResult {
  /** Fractions 0..1 of the upright picture, clipped to it. */
  box: PixelBox;
  /** Detector probability, 0..1. */
  score: number;
  /** Trust in the embedding, 0..1: size x sharpness x frontal-ness x score (see quality.ts). */
  quality: number;
  /**
   * Six points in fractions of the picture, in the order of `Detection.landmarks`; ears may lie outside 0..1.
   */
  landmarks: [number, number][];
  /** 128 values, compared by Euclidean distance. */
  embedding: Float32Array;
}
