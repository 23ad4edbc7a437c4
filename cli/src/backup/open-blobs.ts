import { join } from "node:path";
import { loadSettings } from "@ocelli/chassis";
import type { BlobStore } from "@ocelli/library";
import { settings } from "../config.ts";
import type { Releases } from "../releases.ts";

/** The blob store of the settings; by default the folder that `ocelli up` has. */
export async function openBlobs(env: NodeJS.ProcessEnv, releases: Releases): Promise<BlobStore> {
  const { blobSettings, openBlobStore } = await import("@ocelli/library");
  const { dataDir } = loadSettings({ dataDir: settings.dataDir }, env);
  const LIBRARY_DATA = env.LIBRARY_DATA?.trim() || join(dataDir, "blobs");
  const blobs = await openBlobStore(loadSettings(blobSettings, { ...env, LIBRARY_DATA }));
  releases.add(() => blobs.close());
  return blobs;
}
