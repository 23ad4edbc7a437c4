/** Formats that are decoded. */
export type PictureFormat = "jpeg" | "png" | "gif" | "webp" | "tiff" | "heif" | "heic";

// Brands of HEIF files whose codec is HEVC (ISO/IEC 23008-12, annex B).
const hevcBrands = new Set(["heic", "heix", "heim", "heis", "hevc", "hevx"]);
// Either order of bytes, and BigTIFF, whose offsets have 8 bytes.
const tiffSignatures = ["II*\0", "MM\0*", "II+\0", "MM\0+"];

/**
 * Tells the format from the first bytes, so that parsers of other formats (SVG, PDF) never see a stranger's file;
 * `undefined` for everything that is not decoded.
 */
export function pictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 16)).toString("latin1");
  if (head.startsWith("\xff\xd8\xff")) return "jpeg";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (head.startsWith("GIF8")) return "gif";
  if (tiffSignatures.some((signature) => head.startsWith(signature))) return "tiff";
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "webp";
  if (head.slice(4, 8) === "ftyp") return hevcBrands.has(head.slice(8, 12)) ? "heic" : "heif";
  return undefined;
}
