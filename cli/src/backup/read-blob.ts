import { createHash } from "node:crypto";
import type { BlobReader } from "./backup-source.ts";
import { type BlobLine, blobFile } from "./blob-list.ts";
import { DamagedFileError, damagedFile } from "./format.ts";

/**
 * The next file of a backup.
 * @throws DamagedFileError, at the latest at its end, when it is missing or not what the list says.
 */
export async function* readBlob(reader: BlobReader, line: BlobLine): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of await reader.next(line)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest("hex") !== line.digest)
    throw damagedFile(`the file ${blobFile(line.key)} is not what it was`);
}

/** Told of a file that is missing or damaged; it throws what cannot be done without that file. */
export type OnDamaged = (line: BlobLine, error: DamagedFileError) => void;

/** Hands damage of a single file to `onDamaged` and goes on; anything else is thrown. */
export async function toleratingDamage(
  line: BlobLine,
  onDamaged: OnDamaged,
  read: () => Promise<void>,
): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    onDamaged(line, error);
  }
}
