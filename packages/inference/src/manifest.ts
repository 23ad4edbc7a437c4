import { existsSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { ManifestInvalid } from "./errors.ts";

const id = z.string().regex(/^[a-z0-9][a-z0-9.-]{0,63}$/);
const relativePath = z
  .string()
  .min(1)
  .max(255)
  .refine((path) => !path.startsWith("/") && !path.includes("\\") && !path.split("/").includes(".."), {
    message: "must be a path inside the manifest's folder",
  });
const packageName = z.string().regex(/^(@[a-z0-9-]+\/)?[a-z0-9.-]+$/);
const fileFields = {
  id,
  file: z.union([relativePath, z.strictObject({ package: packageName, path: relativePath })]),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().positive(),
  licence: z.string().min(1),
  source: z.string().min(1),
};
const tensor = z.strictObject({
  type: z.enum(["float32", "int64"]),
  dims: z.array(z.union([z.int().positive(), z.string()])),
  description: z.string().optional(),
});
const model = z.strictObject({
  ...fileFields,
  task: z.string().min(1),
  version: z.string().min(1).max(64),
  inputs: z.record(z.string(), tensor),
  outputs: z.record(z.string(), tensor),
  dimension: z.int().positive().optional(),
  textHead: id.optional(),
  maxBatch: z.int().min(1).max(256),
});
const manifestSchema = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  models: z.array(model).min(1),
  data: z.array(z.strictObject(fileFields)),
});

/** One file of the pack, with the place it was resolved to (which may not exist: see verifyManifest). */
export interface ManifestFile {
  id: string;
  path: string;
  sha256: string;
  bytes: number;
  licence: string;
  source: string;
}

/** A tensor of a model: element type and dims, where a string is a free dimension. */
export interface ManifestTensor {
  type: "float32" | "int64";
  dims: (number | string)[];
  description?: string | undefined;
}

/** A model of the pack: its file, its tensors, and how it is best run. */
export interface ManifestModel extends ManifestFile {
  task: string;
  version: string;
  inputs: Record<string, ManifestTensor>;
  outputs: Record<string, ManifestTensor>;
  /** Length of the embedding, for models that make one. */
  dimension?: number | undefined;
  /** For picture models: the model that puts texts into the same space; `text-head` when absent. */
  textHead?: string | undefined;
  /** Largest batch worth forming, from measurement; 1 where batching does not pay or the graph is fixed to 1. */
  maxBatch: number;
}

/** A pack of models with its data files (vocabularies, class lists). */
export interface Manifest {
  name: string;
  version: string;
  /** The manifest's own file. */
  path: string;
  models: ManifestModel[];
  data: ManifestFile[];
}

/**
 * Reads and checks a manifest: a folder holding `manifest.json`, the file itself, or (absent) the starter pack.
 * Throws ManifestInvalid naming the file and all problems. Model files are not touched.
 */
export function loadManifest(pathOrDir?: string): Manifest {
  const path = manifestPath(pathOrDir);
  const parsed = manifestSchema.safeParse(readJson(path));
  if (!parsed.success) throw new ManifestInvalid(`${path}: ${z.prettifyError(parsed.error)}`);
  const directory = dirname(path);
  const { name, version } = parsed.data;
  const models = parsed.data.models.map(({ file, ...rest }) => ({ ...rest, path: locate(directory, file) }));
  const data = parsed.data.data.map(({ file, ...rest }) => ({ ...rest, path: locate(directory, file) }));
  assertUniqueIds(path, [...models, ...data]);
  return { name, version, path, models, data };
}

function manifestPath(pathOrDir: string | undefined): string {
  if (pathOrDir === undefined) return createRequire(import.meta.url).resolve("@ocelli/models-starter");
  const path = resolve(pathOrDir);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? join(path, "manifest.json") : path;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ManifestInvalid(`cannot read the model manifest ${path}: ${String(cause)}`, cause);
  }
}

function assertUniqueIds(path: string, files: ManifestFile[]): void {
  const ids = files.map((file) => file.id);
  const twice = ids.find((value, index) => ids.indexOf(value) !== index);
  if (twice !== undefined) throw new ManifestInvalid(`${path}: the id "${twice}" appears twice`);
}

function locate(directory: string, file: string | { package: string; path: string }): string {
  if (typeof file === "string") return join(directory, file);
  // Packages often hide their assets behind "exports", so the folder is found the way Node does, without require.
  for (let at = directory; ; at = dirname(at)) {
    const folder = join(at, "node_modules", file.package);
    if (existsSync(folder) || dirname(at) === at) return join(folder, file.path);
  }
}
