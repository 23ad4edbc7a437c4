import type { Metadata } from "sharp";

/** Metadata as it lies in a file, unread. */
export interface MetadataBlocks {
  /** A TIFF, with or without the `Exif` prefix. */
  exif?: Buffer;
  /** An XML document. */
  xmp?: Buffer;
  /** IPTC records, with or without Photoshop's wrapping. */
  iptc?: Buffer;
}

/** Larger blocks are not read: they hold thumbnails, or are made to keep a reader busy. */
const maxBlockBytes = { exif: 1024 * 1024, xmp: 256 * 1024, iptc: 256 * 1024 };

/** The blocks that a decoder found, without those too large to be read. */
export function metadataBlocksOf(metadata: Pick<Metadata, "exif" | "xmp" | "iptc">): MetadataBlocks {
  const blocks: MetadataBlocks = {};
  for (const name of ["exif", "xmp", "iptc"] as const) {
    const block = metadata[name];
    if (block && block.byteLength <= maxBlockBytes[name]) blocks[name] = block;
  }
  return blocks;
}
