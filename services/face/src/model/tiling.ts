import type { Detection, PixelBox } from "./types.ts";

/** A grid of overlapping tiles: `perAxis` x `perAxis`, each covering `share` of both sides. */
export interface TileGrid {
  /** Long side in pixels from which the grid is worth its runs. */
  minSide: number;
  perAxis: number;
  share: number;
}

/**
 * For every large picture: in one 256 pixel pass BlazeFace loses faces below about 12 input pixels, which is 40
 * pixels of an 800 pixel picture, still enough for an embedding. Neighbours overlap by a fifth of the picture.
 */
export const coarseGrid: TileGrid = { minSide: 800, perAxis: 2, share: 0.6 };

/**
 * For pictures where small faces were seen, since where one is there are more. Measured on a montage of ten 1440 pixel
 * wide: of faces 30-45 pixels wide the coarse grid finds 4, this one all; it overlaps by a tenth of the picture.
 */
export const fineGrid: TileGrid = { minSide: 1200, perAxis: 3, share: 0.4 };

/** Face width, as a share of the picture's long side, that calls for the fine grid (86 pixels of 1440). */
const smallFaceShare = 0.06;

/** True when one of the faces is small enough that others were probably missed. */
export function wantsFineGrid(faces: readonly Detection[], width: number, height: number): boolean {
  return faces.some(({ box }) => box.width < smallFaceShare * Math.max(width, height));
}

/** How near an inner tile border (as a share of the tile) a box counts as cut off by it. */
const borderMargin = 0.01;

/** Overlapping tiles of a large picture in whole pixels, or none when the picture is small. */
export function tilesOf({ minSide, perAxis, share }: TileGrid, width: number, height: number): PixelBox[] {
  if (Math.max(width, height) < minSide) return [];
  const tileWidth = Math.ceil(width * share);
  const tileHeight = Math.ceil(height * share);
  const tiles: PixelBox[] = [];
  for (let row = 0; row < perAxis; row++) {
    for (let column = 0; column < perAxis; column++) {
      const x = Math.floor((column * (width - tileWidth)) / (perAxis - 1));
      const y = Math.floor((row * (height - tileHeight)) / (perAxis - 1));
      tiles.push({ x, y, width: tileWidth, height: tileHeight });
    }
  }
  return tiles;
}

/**
 * True when a tile's border that is not the picture's border cuts the face. Such a face is left to the
 * neighbour tile that holds it whole (the overlap is a fifth of the picture) or, when it is larger than that,
 * to the whole-picture pass.
 */
export function isCutByTile({ box }: Detection, tile: PixelBox, width: number, height: number): boolean {
  const marginX = tile.width * borderMargin;
  const marginY = tile.height * borderMargin;
  const right = tile.x + tile.width;
  const bottom = tile.y + tile.height;
  return (
    (tile.x > 0 && box.x < tile.x + marginX) ||
    (tile.y > 0 && box.y < tile.y + marginY) ||
    (right < width && box.x + box.width > right - marginX) ||
    (bottom < height && box.y + box.height > bottom - marginY)
  );
}
