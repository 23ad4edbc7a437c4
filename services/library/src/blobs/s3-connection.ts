import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { AppError, ConfigError } from "@ocelli/chassis";
import type { BlobConfig } from "../settings/blob-settings.ts";
import { storeUnavailable } from "./storage-errors.ts";

/** Times after which the S3 server is taken for gone, in milliseconds. */
const timeouts = { connectMs: 5_000, answerMs: 30_000 };
const attempts = 4;

/** Opens a client with bounded sockets, times and attempts; nothing is connected yet. */
export function openS3Client(config: BlobConfig): S3Client {
  const { s3AccessKeyId, s3SecretAccessKey } = config;
  const agent = { keepAlive: true, maxSockets: config.s3MaxSockets };
  const options: S3ClientConfig = {
    region: config.s3Region,
    forcePathStyle: config.s3ForcePathStyle ?? config.s3Endpoint !== undefined,
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      requestTimeout: timeouts.answerMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    // Checksums are given where they say something; trailers of the SDK's own are beyond many servers.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
  if (config.s3Endpoint !== undefined) options.endpoint = config.s3Endpoint;
  if (s3AccessKeyId !== undefined && s3SecretAccessKey !== undefined)
    options.credentials = { accessKeyId: s3AccessKeyId, secretAccessKey: s3SecretAccessKey.reveal() };
  return new S3Client(options);
}

/** What an S3 server says of a failure; status is 0 when it did not answer. */
export interface S3Failure {
  name: string;
  status: number;
}

/** Reads an error of the SDK. */
export function s3FailureOf(error: unknown): S3Failure {
  if (!(error instanceof Error)) return { name: "Error", status: 0 };
  const metadata = "$metadata" in error ? error.$metadata : undefined;
  const status =
    typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata
      ? Number(metadata.httpStatusCode ?? 0)
      : 0;
  return { name: error.name, status };
}

/** Undefined for an object that is not there; throws anything else as {@link toStorageError} says. */
export function ignoreMissingObject(error: unknown): undefined {
  if (s3FailureOf(error).status === 404) return undefined;
  throw toStorageError(error);
}

/** An outage becomes UNAVAILABLE/BLOB_STORE_UNAVAILABLE; a refusal is a fault of the installation and stays as it is. */
export function toStorageError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const { name, status } = s3FailureOf(error);
  const isRefusal = status >= 400 && status < 500 && status !== 429 && status !== 408;
  if (!isRefusal) return storeUnavailable(error);
  // Its message may quote what was signed.
  return new Error(`the S3 server answers ${status} ${name}`, { cause: error });
}

/** One line about why the bucket cannot be used, naming the setting to look at. */
export function explainS3(error: unknown, config: BlobConfig): ConfigError {
  const { name, status } = s3FailureOf(error);
  const bucket = JSON.stringify(config.s3Bucket);
  const where = config.s3Endpoint ?? `Amazon S3 in ${config.s3Region}`;
  if (name === "CredentialsProviderError")
    return new ConfigError(["S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY: no credentials for S3 were found"]);
  if (/InvalidAccessKeyId|SignatureDoesNotMatch/.test(name) || status === 401)
    return new ConfigError([`S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY: ${where} does not know them (${name})`]);
  if (status === 403)
    return new ConfigError([
      `S3_ACCESS_KEY_ID: not allowed to list, read, write and delete in bucket ${bucket} at ${where}, or the secret is wrong (${name})`,
    ]);
  if (status === 404) return new ConfigError([`S3_BUCKET: there is no bucket ${bucket} at ${where}`]);
  if (status === 301 || status === 307)
    return new ConfigError([`S3_REGION: bucket ${bucket} is not in ${config.s3Region} (${name})`]);
  const code = error instanceof Error && "code" in error ? String(error.code) : name;
  if (status === 0) return new ConfigError([`S3_ENDPOINT: ${where} does not answer (${code})`]);
  return new ConfigError([`S3_BUCKET: bucket ${bucket} at ${where} cannot be used (${status} ${name})`]);
}
