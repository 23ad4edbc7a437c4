import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, RgbImage } from "@ocelli/inference";

const root = join(import.meta.dirname, "../../..");
/** Photos that may be committed. */
const committed = join(root, "e2e/photos");
/** Photos that may not; tests with them skip where the folder is absent. */
const shared = join(root, "../shared/photos");

export const hasSharedPhotos = existsSync(join(shared, "two_people.jpg"));

/** A decoded sample photo, from whichever folder holds it. */
export function openPhoto(engine: Engine, name: string): Promise<RgbImage> {
  const path = [committed, shared]
    .map((folder) => join(folder, name))
    .find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new Error(`the sample photo ${name} is in neither ${committed} nor ${shared}`);
  return engine.decode(name, () => readFile(path));
}
