import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./objects.ts";

/** Secrets that docs/kubernetes.md says must exist, with their keys: rows that begin with the name of a secret. */
export function documentedSecrets(): ReadonlyMap<string, ReadonlySet<string>> {
  const text = readFileSync(join(root, "../docs/kubernetes.md"), "utf8");
  const rows = [...text.matchAll(/^\| `(ocelli-[a-z0-9-]+)` \| (.+?) \|/gm)];
  return new Map(
    rows.map(([, name = "", keys = ""]) => [
      name,
      new Set([...keys.matchAll(/`([^`]+)`/g)].map(([, key = ""]) => key)),
    ]),
  );
}
