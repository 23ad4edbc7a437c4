import { type Engine, type RgbImage, resizePixels } from "@ocelli/inference";
import { blazefaceSide } from "./blazeface.ts";
import { mergePasses, weightedNms } from "./nms.ts";
import { runBlazeface } from "./run-blazeface.ts";
import { coarseGrid, fineGrid, isCutByTile, tilesOf, wantsFineGrid } from "./tiling.ts";
import type { Detection, PixelBox, Point } from "./types.ts";
import { verifyFace } from "./verify.ts";

/** Candidates below this are not even verified (MediaPipe's demo default, MIN_DETECTION_CONFIDENCE 0.5). */
const minScore = 0.5;
/** MediaPipe's min_suppression_threshold for this model. */
const minIou = 0.3;
/** Share of the smaller box inside another from which both are the same face. */
const minOverlap = 0.6;
/** Faces kept per picture, best first: bounds embedding time on a stadium crowd. */
const maxFaces = 64;

/**
 * Faces of a picture, best first, in its pixels: one pass over the whole, on large pictures one per tile, and finer
 * tiles where small faces were seen. Unsure candidates are looked at again (see verify.ts).
 */
export async function detectFaces(engine: Engine, image: RgbImage): Promise<Detection[]> {
  const { width, height } = image;
  const whole = { x: 0, y: 0, width, height };
  const found = await detectInAreas(engine, image, [whole, ...tilesOf(coarseGrid, width, height)], []);
  if (!wantsFineGrid(found, width, height)) return found;
  return detectInAreas(engine, image, tilesOf(fineGrid, width, height), found);
}

/** Faces of all areas and those already known, merged; only new candidates are verified. */
async function detectInAreas(
  engine: Engine,
  image: RgbImage,
  areas: readonly PixelBox[],
  known: readonly Detection[],
): Promise<Detection[]> {
  const { width, height } = image;
  const passes = await Promise.all(
    areas.map(async (area) => {
      const detections = await detectIn(engine, image, area, minScore);
      return detections.filter(
        (face) => !isCutByTile(face, area, width, height) && hasCentreInside(face.box, width, height),
      );
    }),
  );
  const candidates = mergePasses(passes.flat(), minIou, minOverlap)
    .filter((face) => mergePasses([face, ...known], minIou, minOverlap).length > known.length)
    .slice(0, maxFaces);
  const verified = await Promise.all(candidates.map((candidate) => verifyFace(engine, image, candidate)));
  const added = verified.filter((face) => face !== undefined);
  return [...known, ...added].sort((a, b) => b.score - a.score).slice(0, maxFaces);
}

async function detectIn(engine: Engine, image: RgbImage, area: PixelBox, cut: number): Promise<Detection[]> {
  const pixels = await resizePixels(image, {
    width: blazefaceSide,
    height: blazefaceSide,
    fit: "contain",
    kernel: "linear",
    crop: { left: area.x, top: area.y, width: area.width, height: area.height },
  });
  const { scaleX, scaleY, offsetX, offsetY } = pixels;
  const toPicture = ([x, y]: Point): Point => [
    (x - offsetX) / scaleX + area.x,
    (y - offsetY) / scaleY + area.y,
  ];
  const candidates = await runBlazeface(engine, pixels.data, cut);
  return weightedNms(candidates, minIou).map(({ box, score, landmarks }) => {
    const [x, y] = toPicture([box.x, box.y]);
    return {
      box: { x, y, width: box.width / scaleX, height: box.height / scaleY },
      score,
      landmarks: landmarks.map(toPicture),
    };
  });
}

function hasCentreInside(
  { x, y, width, height }: PixelBox,
  pictureWidth: number,
  pictureHeight: number,
): boolean {
  const centreX = x + width / 2;
  const centreY = y + height / 2;
  return centreX >= 0 && centreY >= 0 && centreX < pictureWidth && centreY < pictureHeight;
}
