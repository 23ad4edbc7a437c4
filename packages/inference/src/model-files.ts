import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { ModelUnavailable } from "./errors.ts";
import type { Manifest, ManifestFile } from "./manifest.ts";

/** A file of the pack that is not as the manifest says. */
export interface FileProblem {
  id: string;
  path: string;
  reason: "MODEL_FILE_MISSING" | "MODEL_FILE_CORRUPT";
  /** One sentence: what is wrong and how to mend it. */
  message: string;
}

/**
 * Reads a file and checks size and sha256. The bytes that were checked are the bytes returned, so nobody can swap
 * the file in between. Rejects ModelUnavailable (MODEL_FILE_MISSING, MODEL_FILE_CORRUPT).
 */
export async function readVerified(file: ManifestFile): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file.path);
  } catch (cause) {
    throw unavailable(missing(file), cause);
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 !== file.sha256) throw unavailable(corrupt(file, `its sha256 is ${sha256}`));
  return bytes;
}

/**
 * Problems of a pack's files, empty when all is well. Presence and size only (milliseconds); with `hash` the content
 * too (about 50 ms per 20 MB), otherwise the content is checked when each model first loads.
 */
export async function verifyManifest(
  manifest: Manifest,
  options?: { hash?: boolean },
): Promise<FileProblem[]> {
  const files = [...manifest.models, ...manifest.data];
  const found = await Promise.all(files.map((file) => checkPresence(file)));
  const problems = found.filter((problem) => problem !== null);
  if (options?.hash !== true) return problems;
  const broken = new Set(problems.map((problem) => problem.id));
  for (const file of files) {
    if (broken.has(file.id)) continue;
    const problem = await checkContent(file);
    if (problem !== null) problems.push(problem);
  }
  return problems;
}

async function checkPresence(file: ManifestFile): Promise<FileProblem | null> {
  const found = await stat(file.path).catch(() => null);
  if (found === null || !found.isFile()) return missing(file);
  return found.size === file.bytes ? null : corrupt(file, `it has ${found.size} bytes`);
}

async function checkContent(file: ManifestFile): Promise<FileProblem | null> {
  try {
    await readVerified(file);
    return null;
  } catch (error) {
    if (!(error instanceof ModelUnavailable)) throw error;
    const reason = error.reason === "MODEL_FILE_MISSING" ? error.reason : "MODEL_FILE_CORRUPT";
    return { id: file.id, path: file.path, reason, message: error.message };
  }
}

function missing(file: ManifestFile): FileProblem {
  const message = `model file ${file.path} ("${file.id}") is missing; restore it (git checkout, or reinstall the packages)`;
  return { id: file.id, path: file.path, reason: "MODEL_FILE_MISSING", message };
}

function corrupt(file: ManifestFile, found: string): FileProblem {
  const expected = `expected ${file.bytes} bytes with sha256 ${file.sha256}`;
  const message = `model file ${file.path} ("${file.id}") is not the right one: ${found}, ${expected}; replace it (git checkout, or reinstall the packages)`;
  return { id: file.id, path: file.path, reason: "MODEL_FILE_CORRUPT", message };
}

function unavailable(problem: FileProblem, cause?: unknown): ModelUnavailable {
  return new ModelUnavailable(problem.id, problem.reason, problem.message, { cause });
}
