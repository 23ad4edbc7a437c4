import { createHash } from "node:crypto";
import { z } from "zod";
import { StartupError } from "../startup-error.ts";

/** Services with a store, consumers of events before those who make them: the order in which snapshots are taken. */
export const storeNames = ["search", "captioning", "face", "scene", "library", "auth"] as const;

/** One of {@link storeNames}. */
export type StoreName = (typeof storeNames)[number];

/** Raised when a backup is laid out in a way that older versions cannot read. */
export const formatVersion = 1;

/** Name of the file that is written last: a backup without it is none. */
export const manifestFile = "manifest.json";

/** More than any manifest takes: it grows with tables, not with rows. */
export const maxManifestBytes = 16 * 1024 * 1024;

const count = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const identifier = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);

/** Names of parts; nothing else is looked for in a backup, and nothing in it can lead out of it. */
export const partPattern = /^(?:stores\/[a-z]{1,20}\/[a-z_][a-z0-9_]{0,62}|blobs-\d{1,2})\.jsonl\.gz$/;

const partSchema = z.strictObject({
  file: z.string().regex(partPattern),
  rows: count,
  /** As stored, and unpacked. */
  bytes: count,
  rawBytes: count,
  /** SHA-256 as stored. */
  sha256: digest,
});

const tableSchema = z.strictObject({
  columns: z
    .array(z.strictObject({ name: identifier, type: z.string().min(1).max(100) }))
    .min(1)
    .max(200),
  part: partSchema,
});

const storeSchema = z.strictObject({
  /** When the snapshot was taken. */
  takenAt: z.iso.datetime(),
  /** Names of the migrations that had run, in order: the level of the schema. */
  migrations: z
    .array(z.string().regex(/^[a-z0-9_]{1,100}$/))
    .min(1)
    .max(1000),
  tables: z.record(identifier, tableSchema),
  sequences: z.record(
    identifier,
    z.strictObject({ value: z.string().regex(/^\d{1,19}$/), called: z.boolean() }),
  ),
});

const contentSchema = z.strictObject({
  format: z.literal("ocelli-backup"),
  formatVersion: z.literal(formatVersion),
  /** Version of Ocelli that wrote it. */
  version: z.string().max(50),
  createdAt: z.iso.datetime(),
  /** One transaction over all stores, or one per database. */
  snapshot: z.enum(["shared", "per-database"]),
  stores: z.strictObject({
    search: storeSchema,
    captioning: storeSchema,
    face: storeSchema,
    scene: storeSchema,
    library: storeSchema,
    auth: storeSchema,
  }),
  blobs: z.strictObject({
    files: count,
    bytes: count,
    /** Previews and thumbnails are in it. */
    renditions: z.boolean(),
    /** Originals that the store names and that were lost or damaged before the backup. */
    lost: z.array(digest).max(1000),
    lostCount: count,
    /** Lists of the files, in their order: sha256 of the original, kind, size, SHA-256 of the file. Each list is sorted. */
    lists: z.array(partSchema).max(20),
  }),
});

/** What a backup says of itself. */
export type Manifest = z.infer<typeof contentSchema>;
/** A file of rows. */
export type Part = z.infer<typeof partSchema>;
/** A table in a backup. */
export type TableBackup = z.infer<typeof tableSchema>;
/** A store in a backup. */
export type StoreBackup = z.infer<typeof storeSchema>;

/** The backup is not what it was when it was written, or was never complete. */
export function damaged(what: string): StartupError {
  return new StartupError(`the backup cannot be used: ${what}`);
}

/** A file of an image is missing in a backup or not what it was; whatever else the backup holds may still be good. */
export class DamagedFileError extends StartupError {}

/** @param what names the file and what is wrong with it. */
export function damagedFile(what: string): DamagedFileError {
  return new DamagedFileError(`the backup cannot be used: ${what}`);
}

/** The manifest as the file holds it, with its own digest. */
export function encodeManifest(manifest: Manifest): Buffer {
  const content = JSON.stringify(manifest);
  return Buffer.from(JSON.stringify({ digest: digestOf(content), content: manifest }, null, 1));
}

/** @throws StartupError for one of another format, a newer one, or one that was changed. */
export function decodeManifest(bytes: Buffer): Manifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString("utf8"));
  } catch {
    throw damaged("its manifest is no JSON");
  }
  const head = z
    .object({ digest, content: z.object({ format: z.literal("ocelli-backup"), formatVersion: count }) })
    .safeParse(parsed);
  if (!head.success) throw damaged("its manifest is none of Ocelli's");
  const { content } = head.data;
  if (content.formatVersion > formatVersion)
    throw damaged(
      `it has format ${content.formatVersion}, this version reads up to ${formatVersion}; restore it with the version that wrote it, or a newer one`,
    );
  const { content: raw } = z.object({ content: z.unknown() }).parse(parsed);
  if (digestOf(JSON.stringify(raw)) !== head.data.digest) throw damaged("its manifest was changed");
  const manifest = contentSchema.safeParse(raw);
  if (manifest.success) return manifest.data;
  const [issue] = manifest.error.issues;
  throw damaged(`its manifest is malformed at ${issue?.path.join(".")}`);
}

function digestOf(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** All parts that a manifest names, in the order in which they are stored. */
export function partsOf(manifest: Manifest): Part[] {
  const tables = storeNames.flatMap((name) => Object.values(manifest.stores[name].tables));
  return [...tables.map(({ part }) => part), ...manifest.blobs.lists];
}
