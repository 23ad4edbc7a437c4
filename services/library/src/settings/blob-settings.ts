import { optionalSetting, Secret, type SettingsValues, setting, settingTypes } from "@ocelli/chassis";

// Servers at home know secrets of any length.
const anySecret = settingTypes.text(512).transform((value) => new Secret(value));
const { flag, integer, oneOf, text, url } = settingTypes;

/** Settings of where photos lie. */
export const blobSettings = {
  blobStore: setting<"directory" | "s3">("BLOB_STORE", oneOf(["directory", "s3"]), {
    default: "directory",
    doc: "Where originals, previews and thumbnails lie: in the directory LIBRARY_DATA, or in an S3 bucket.",
  }),
  blobDir: setting("LIBRARY_DATA", text(4096), {
    default: "./.ocelli/blobs",
    doc: "Directory of originals, previews and thumbnails. Uploads in progress lie in its `tmp` folder, also with BLOB_STORE=s3. Several replicas of the library need the same `tmp` folder (a shared volume) for resumable uploads to go on at any of them.",
  }),
  s3Endpoint: optionalSetting("S3_ENDPOINT", url("http", "https"), {
    doc: "Address of an S3-compatible server.",
    defaultDoc: "Amazon's of the region",
  }),
  s3Region: setting("S3_REGION", text(64), {
    default: "us-east-1",
    doc: "Region of the bucket; most servers other than Amazon's do not care.",
  }),
  s3Bucket: optionalSetting("S3_BUCKET", text(255), {
    doc: "Bucket of photos; it must exist. Required with BLOB_STORE=s3.",
  }),
  s3Prefix: setting("S3_PREFIX", text(512), {
    default: "",
    doc: "What the names of all objects begin with, e.g. `ocelli/`. The objects under it are Ocelli's alone.",
  }),
  s3AccessKeyId: optionalSetting("S3_ACCESS_KEY_ID", text(256), {
    doc: "Access key for the bucket. Without it the credentials of the environment are used (AWS profile, container or instance role).",
    confidential: true,
  }),
  s3SecretAccessKey: optionalSetting("S3_SECRET_ACCESS_KEY", anySecret, {
    doc: "Secret of the access key.",
    confidential: true,
  }),
  s3ForcePathStyle: optionalSetting("S3_FORCE_PATH_STYLE", flag, {
    doc: "Names the bucket in the path and not in the host name.",
    defaultDoc: "true with S3_ENDPOINT",
  }),
  s3MaxSockets: setting("S3_MAX_SOCKETS", integer(1, 1000), {
    default: 64,
    doc: "Connections to the S3 server at once.",
  }),
};

/** Values of {@link blobSettings}. */
export type BlobConfig = SettingsValues<typeof blobSettings>;
