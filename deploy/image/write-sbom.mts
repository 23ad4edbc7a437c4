// Writes a bill of materials of what is installed here, in CycloneDX: every package with version, licence and the hash
// that the lock file demands of its archive.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Package {
  name: string;
  version: string;
  license?: unknown;
  description?: string;
}

const store = "node_modules/.pnpm";
const integrities = readIntegrities(readFileSync("pnpm-lock.yaml", "utf8"));
const components = new Map<string, object>();
for (const { name, version, license, description } of installedPackages()) {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const integrity = integrities.get(`${name}@${version}`);
  components.set(purl, {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    ...(description ? { description } : {}),
    ...(typeof license === "string" ? { licenses: [licenceOf(license)] } : {}),
    ...(integrity
      ? { hashes: [{ alg: "SHA-512", content: Buffer.from(integrity, "base64").toString("hex") }] }
      : {}),
  });
}
const sorted = [...components].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, component]) => component);
writeFileSync(
  "sbom.cdx.json",
  `${JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", version: 1, components: sorted }, null, 1)}\n`,
);

/** Everything in pnpm's store of this folder; links to a package's dependencies lead to their own entries. */
function installedPackages(): Package[] {
  return readdirSync(store).flatMap((entry) => {
    const modules = join(store, entry, "node_modules");
    if (!existsSync(modules)) return [];
    const names = readdirSync(modules, { withFileTypes: true }).flatMap((each) => {
      if (!each.isDirectory() || each.name.startsWith(".")) return [];
      if (!each.name.startsWith("@")) return [each.name];
      const scoped = readdirSync(join(modules, each.name), { withFileTypes: true });
      return scoped.filter((inner) => inner.isDirectory()).map((inner) => `${each.name}/${inner.name}`);
    });
    return names.map(
      (name): Package => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")),
    );
  });
}

/** SHA-512 of archives, base64, by `name@version`. */
function readIntegrities(lock: string): Map<string, string> {
  const entries = lock.matchAll(
    /^ {2}'?((?:@[^\s/']+\/)?[^\s@']+@[^\s:'(]+)'?:\n {4}resolution: \{integrity: sha512-([^,}]+)/gm,
  );
  return new Map([...entries].map(([, id = "", integrity = ""]) => [id, integrity]));
}

function licenceOf(text: string): object {
  return / |\(/.test(text) ? { expression: text } : { license: { name: text } };
}
