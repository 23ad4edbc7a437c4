import { type AppError, invalidArgument, tooLarge } from "@ocelli/chassis";

/** The bytes do not decode as the picture they claim to be. */
export function corruptImage(
  message = "The image is damaged or incomplete and cannot be decoded.",
): AppError {
  return invalidArgument("CORRUPT_IMAGE", message);
}

/** Reading or decoding was given up. */
export function decodingTooSlow(timeoutMs: number): AppError {
  return corruptImage(`The image takes longer than ${timeoutMs} ms to decode.`);
}

/** The file is larger than this installation opens. */
export function tooManyBytes(maxBytes: number): AppError {
  return tooLarge("FILE_TOO_LARGE", `The file is larger than ${maxBytes} bytes.`);
}

/** The picture is larger than this installation decodes. */
export function tooManyPixels(maxPixels: number, size?: { width: number; height: number }): AppError {
  const found = size
    ? `The image has ${size.width} x ${size.height} pixels`
    : "The image has too many pixels";
  return invalidArgument("TOO_MANY_PIXELS", `${found}; at most ${maxPixels} pixels are accepted.`);
}

/** Not one of the picture formats that are read; `found` names what it is, where known. */
export function unsupportedMediaType(found?: string): AppError {
  const what = found ? `The file is ${found}` : "The file is not an image";
  return invalidArgument(
    "UNSUPPORTED_MEDIA_TYPE",
    `${what}; supported are JPEG, PNG, WebP, GIF, AVIF, TIFF, HEIC and camera RAW with a large preview inside (CR2, NEF, ARW, DNG, RAF and others made alike).`,
  );
}
