import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder, also the build context of images. */
export const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Content of a file of the repository. */
export function readRepositoryFile(...path: string[]): string {
  return readFileSync(join(repository, ...path), "utf8");
}
