import { ConfigError } from "@ocelli/chassis";
import type { BlobConfig } from "../settings/blob-settings.ts";
import type { BlobStore } from "./blob-store.ts";
import { createDirectoryBlobStore } from "./directory-blob-store.ts";

/**
 * Opens the blob store that the settings name and makes it usable. The S3 SDK is loaded only where it is needed.
 * @throws ConfigError when the settings do not go together or the store cannot be used.
 */
export async function openBlobStore(config: BlobConfig): Promise<BlobStore> {
  const store = await createStore(config);
  try {
    await store.prepare();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function createStore(config: BlobConfig): Promise<BlobStore> {
  if (config.blobStore === "directory") return createDirectoryBlobStore(config.blobDir);
  const { s3Bucket, s3AccessKeyId, s3SecretAccessKey } = config;
  const problems: string[] = [];
  if (s3Bucket === undefined) problems.push("S3_BUCKET is required with BLOB_STORE=s3");
  if ((s3AccessKeyId === undefined) !== (s3SecretAccessKey === undefined))
    problems.push("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY: set both or neither");
  if (s3Bucket === undefined || problems.length > 0) throw new ConfigError(problems);
  const { createS3BlobStore } = await import("./s3-blob-store.ts");
  return createS3BlobStore({ ...config, s3Bucket });
}
