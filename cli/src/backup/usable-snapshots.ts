import { join } from "node:path";
import { StartupError } from "../startup-error.ts";
import { listSnapshots, openDirectorySource, snapshotsFolder } from "./directory-source.ts";
import { readBlobLines } from "./read-blob-lines.ts";

/** Whether the lists of files of a backup in a folder can be read to their end; says in one line why not. */
export async function isUsable(root: string, name: string, warn: (line: string) => void): Promise<boolean> {
  try {
    const source = await openDirectorySource(join(root, snapshotsFolder, name));
    try {
      for await (const line of readBlobLines(source)) void line;
    } finally {
      await source.close();
    }
    return true;
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    warn(`${join(root, snapshotsFolder, name)} is damaged (${error.message}); remove it`);
    return false;
  }
}

/** Name of the newest backup of a folder that can be built upon, undefined when there is none. */
export async function newestUsable(root: string, warn: (line: string) => void): Promise<string | undefined> {
  for (const name of (await listSnapshots(root)).reverse()) if (await isUsable(root, name, warn)) return name;
  return undefined;
}
