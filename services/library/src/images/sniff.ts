import { fileTypeFromBuffer } from "file-type";
import { unsupportedMediaType } from "./errors.ts";

/** How many bytes from the start of a file {@link sniffFormat} wants to see. */
export const headBytes = 8 * 1024;

/**
 * Formats that are opened. `heif` is a container whose codec only its header tells; `tiff` may turn out to be a
 * camera's raw file, and `raf` is one that is no TIFF.
 */
export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "tiff" | "heif" | "raf";

const formats: Readonly<Record<string, ImageFormat>> = {
  "image/jpeg": "jpeg",
  "image/png": "png",
  "image/apng": "png",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/tiff": "tiff",
  "image/avif": "heif",
  "image/heic": "heif",
  "image/heif": "heif",
  "image/x-canon-cr2": "tiff",
  "image/x-nikon-nef": "tiff",
  "image/x-sony-arw": "tiff",
  "image/x-adobe-dng": "tiff",
  "image/x-fujifilm-raf": "raf",
};

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const tiffSignatures = [Buffer.from("II*\0", "latin1"), Buffer.from("MM\0*", "latin1")];

/**
 * Tells the format from the first bytes, never from a name; other parsers (SVG, PDF, RAW) never see a stranger's file.
 * @throws AppError INVALID_ARGUMENT/UNSUPPORTED_MEDIA_TYPE.
 */
export async function sniffFormat(head: Uint8Array): Promise<ImageFormat> {
  const found = await fileTypeFromBuffer(head).catch(() => undefined);
  if (found) {
    const format = formats[found.mime];
    if (!format) throw unsupportedMediaType(found.mime);
    return format;
  }
  // The detector looks behind the head in these two (PNG chunks, the TIFF directory) and gives up at its end.
  if (startsWith(head, pngSignature)) return "png";
  if (tiffSignatures.some((signature) => startsWith(head, signature))) return "tiff";
  throw unsupportedMediaType();
}

/** The size that a PNG header claims; decoders refuse a broken PNG before they tell its size. */
export function pngHeaderSize(head: Uint8Array): { width: number; height: number } | undefined {
  if (head.byteLength < 24 || !startsWith(head, pngSignature)) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function startsWith(bytes: Uint8Array, signature: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, signature.byteLength), signature) === 0;
}
