import { createHash } from "node:crypto";
import { createReadStream, type Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { extname, join } from "node:path";

const extensions = new Set(
  "jpg jpeg jpe jfif png webp gif avif tif tiff heic heif hif cr2 nef nrw arw dng raf".split(" "),
);

/** What lies in a folder besides pictures. */
export interface PassedOver {
  /** Files that are no pictures by their name. */
  others: number;
  symlinks: number;
  /** Folders that could not be read. */
  unreadable: string[];
}

/** Whether a file is a picture by its name; what it really is, the server finds by its content. */
export function isImageName(name: string): boolean {
  return !name.startsWith("._") && extensions.has(extname(name).slice(1).toLowerCase());
}

/** All pictures of a folder and those below it, in order; symbolic links are not followed. */
export async function* findImages(folder: string, passed: PassedOver): AsyncGenerator<string> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch {
    passed.unreadable.push(folder);
    return;
  }
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) passed.symlinks += 1;
    else if (entry.isDirectory()) yield* findImages(path, passed);
    else if (entry.isFile() && isImageName(entry.name)) yield path;
    else passed.others += 1;
  }
}

/** SHA-256 of a file, lower-case hex, and its size. */
export async function hashFile(path: string): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}
