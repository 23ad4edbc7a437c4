import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { storeNames } from "../src/backup/format.ts";
import { serviceStores } from "../src/backup/service-stores.ts";

/** The one account of the committed backups. */
export const fixtureEmail = "fixture@example.org";

/** What the committed backups were encrypted with; it protects nothing. */
export const fixtureKeySecret = "the secret of the committed backups";

/** Backups that earlier versions and this one have written. */
export function committedBackups(): string[] {
  const folder = join(import.meta.dirname, "backups");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".tar"))
    .map((name) => join(folder, name));
}

/** Eight digits that change with every migration that is added anywhere. */
export async function schemaDigest(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of storeNames)
    hash.update(`${name} ${Object.keys(await serviceStores[name].migrations()).join()}\n`);
  return hash.digest("hex").slice(0, 8);
}
