import { open } from "node:fs/promises";
import type { BackupSource, BlobReader } from "./backup-source.ts";
import { blobFile } from "./blob-list.ts";
import { damaged, decodeManifest, manifestFile, maxManifestBytes, partPattern, partsOf } from "./format.ts";
import { readContent, readEntries, type TarEntry } from "./tar-reader.ts";

type File = Awaited<ReturnType<typeof open>>;

/** Opens a backup in a tar file. @throws StartupError when it is none. */
export async function openTarSource(path: string): Promise<BackupSource> {
  const file = await open(path, "r");
  try {
    const { parts, manifest: entry } = await findEntries(file);
    if (!entry) throw damaged("it has no manifest: it was never complete");
    const manifest = decodeManifest(await readWhole(file, entry));
    for (const part of partsOf(manifest)) {
      if (parts.get(part.file)?.size !== part.bytes)
        throw damaged(`${part.file} is missing or of another size`);
    }
    if (parts.size !== partsOf(manifest).length) throw damaged("it holds more than its manifest says");
    return {
      manifest,
      async *openPart(part) {
        const found = parts.get(part.file);
        if (!found) throw damaged(`${part.file} is missing`);
        yield* readContent(file, found);
      },
      readBlobs: () => readBlobs(file),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Looks at every header once. Of blobs nothing is kept: there may be any number of them. */
async function findEntries(
  file: File,
): Promise<{ parts: Map<string, TarEntry>; manifest: TarEntry | undefined }> {
  const parts = new Map<string, TarEntry>();
  let manifest: TarEntry | undefined;
  for await (const entry of readEntries(file)) {
    if (manifest) throw damaged("something follows its manifest");
    if (entry.name === manifestFile) manifest = entry;
    else if (partPattern.test(entry.name) && !parts.has(entry.name) && parts.size < 10_000)
      parts.set(entry.name, entry);
    else if (!isBlob(entry)) throw damaged("the archive holds something that no backup does");
  }
  return { parts, manifest };
}

function isBlob({ name }: TarEntry): boolean {
  return /^blobs\/[0-9a-f]{2}\/[0-9a-f]{64}(\.preview|\.thumbnail)?$/.test(name);
}

async function readWhole(file: File, entry: TarEntry): Promise<Buffer> {
  if (entry.size > maxManifestBytes) throw damaged("its manifest is too large");
  const chunks: Buffer[] = [];
  for await (const chunk of readContent(file, entry)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function readBlobs(file: File): BlobReader {
  const entries = readEntries(file);
  const nextBlob = async () => {
    for (let next = await entries.next(); !next.done; next = await entries.next()) {
      if (isBlob(next.value)) return next.value;
    }
    return undefined;
  };
  return {
    async next({ key, size }) {
      const entry = await nextBlob();
      if (entry?.name !== blobFile(key) || entry.size !== size)
        throw damaged(`the file ${blobFile(key)} is missing or of another size`);
      return readContent(file, entry);
    },
    async end() {
      if (await nextBlob()) throw damaged("it holds files that its lists do not name");
    },
  };
}
