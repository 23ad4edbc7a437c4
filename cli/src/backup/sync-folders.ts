import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Makes the entries of a folder durable: files that were created in it, or renamed into it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** {@link syncFolder} for a folder and all folders in it, the innermost first; nothing for one that does not exist. */
export async function syncFolders(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await syncFolders(join(path, entry.name));
  await syncFolder(path);
}
