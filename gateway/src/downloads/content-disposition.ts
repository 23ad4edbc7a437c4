// File name extensions that say what the bytes are; the first is the one that is given.
const extensions: Readonly<Record<string, readonly string[]>> = {
  "image/jpeg": ["jpg", "jpeg", "jpe", "jfif"],
  "image/png": ["png", "apng"],
  "image/webp": ["webp"],
  "image/gif": ["gif"],
  "image/avif": ["avif", "avifs", "heif"],
  "image/tiff": ["tif", "tiff"],
  "image/heic": ["heic", "heif", "hif"],
  "image/x-canon-cr2": ["cr2"],
  "image/x-nikon-nef": ["nef", "nrw"],
  "image/x-sony-arw": ["arw"],
  "image/x-adobe-dng": ["dng"],
  "image/x-fujifilm-raf": ["raf"],
};
const maxLength = 200;

/** A file name whose extension says what the bytes are, whatever the uploader called them. */
export function safeFilename(name: string, mediaType: string): string {
  const known = extensions[mediaType] ?? ["bin"];
  const extension = /\.([a-z0-9]{1,5})$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  const isHonest = known.includes(extension) || (!extensions[mediaType] && mediaType.startsWith("image/x-"));
  const kept = [...name.toWellFormed()].slice(-maxLength).join("");
  return isHonest ? kept : `${kept}.${known[0]}`;
}

/** `Content-Disposition` for showing a file in place, with its name for saving it (RFC 6266, RFC 8187). */
export function inlineDisposition(filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%;]/g, "_");
  const encoded = encodeURIComponent(filename).replace(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const extended = ascii === filename ? "" : `; filename*=UTF-8''${encoded}`;
  return `inline; filename="${ascii}"${extended}`;
}
