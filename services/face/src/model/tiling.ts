import type { Detection, PixelBox } from "./types.ts";

/**
 * Long side in pixels from which tiles are worth their four extra runs: in one 256 pixel pass BlazeFace loses
 * faces below about 12 input pixels, which is 40 pixels of an 800 pixel picture, still enough for an
 * embedding.
 */
export const minTiledSide = 800;

/**
 * Tiles per axis and the share of each side that one covers: neighbours overlap by a fifth of the picture.
 */
const tilesPerAxis = 2;
const tileShare = 0.6;

/** How near an inner tile border (as a share of the tile) a box counts as cut off by it. */
const borderMargin = 0.01;

/** Overlapping tiles of a large picture in whole pixels, or none when the picture is small. */
export function tilesOf(width: number, height: number): PixelBox[] {
  if (Math.max(width, height) < minTiledSide) return [];
  const tileWidth = Math.ceil(width * tileShare);
  const tileHeight = Math.ceil(height * tileShare);
  const tiles: PixelBox[] = [];
  for (let row = 0; row < tilesPerAxis; row++) {
    for (let column = 0; column < tilesPerAxis; column++) {
      const x = column * (width - tileWidth);
      const y = row * (height - tileHeight);
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
