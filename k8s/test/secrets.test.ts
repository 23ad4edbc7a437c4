import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { documentedSecrets } from "./documented-secrets.ts";
import { root } from "./objects.ts";
import { settingProblems, settingsOf } from "./settings.ts";

const secret = z.object({
  kind: z.literal("Secret"),
  metadata: z.object({ name: z.string(), namespace: z.literal("ocelli") }),
  stringData: z.record(z.string(), z.string()),
});

/** Secrets that an installation without the component does not have, and the certificate, which comes from elsewhere. */
const others = ["ocelli-tls", "ocelli-mail", "ocelli-oidc", "ocelli-s3"];

function createdSecrets(): Map<string, Record<string, string>> {
  const text = execFileSync("bash", [join(root, "examples/create-secrets.sh"), "ocelli"], {
    encoding: "utf8",
  });
  const secrets = parseAllDocuments(text).map((document) => secret.parse(document.toJS()));
  return new Map(secrets.map(({ metadata, stringData }) => [metadata.name, stringData]));
}

test("the script makes every secret that is documented, and services take what it makes", () => {
  const created = createdSecrets();
  const keys = new Map([...created].map(([name, data]) => [name, new Set(Object.keys(data))]));
  const documented = new Map([...documentedSecrets()].filter(([name]) => !others.includes(name)));
  expect(keys).toEqual(documented);
  const accounts = created.get("ocelli-auth")?.SERVICE_ACCOUNTS?.split(",") ?? [];
  for (const service of Object.keys(settingsOf)) {
    const own = created.get(`ocelli-${service}`) ?? {};
    expect(settingProblems(service, { ...own, NATS_URL: created.get("ocelli-nats")?.NATS_URL })).toEqual([]);
    if (service === "auth") continue;
    expect(accounts).toContain(`${service}:${own[`${service.toUpperCase()}_SERVICE_SECRET`]}`);
  }
  const roles = created.get("ocelli-postgres-face");
  expect(created.get("ocelli-face")?.DATABASE_URL_FACE).toContain(`//${roles?.username}:${roles?.password}@`);
});

test("no two values are alike, and each run makes new ones", () => {
  const values = (secrets: ReturnType<typeof createdSecrets>) =>
    [...secrets.values()]
      .flatMap((data) => Object.entries(data))
      .filter(([key]) => /SECRET|^password/.test(key));
  const [first, second] = [values(createdSecrets()), values(createdSecrets())].map((all) =>
    all.map(([, value]) => value),
  );
  expect(new Set([...(first ?? []), ...(second ?? [])]).size).toBe(2 * (first?.length ?? 0));
  expect(first?.length).toBeGreaterThan(12);
});

test("the examples name secrets and keys that are documented", () => {
  const external = z
    .object({
      spec: z.object({
        target: z.object({ name: z.string() }),
        data: z.array(z.object({ secretKey: z.string() })),
      }),
    })
    .parse(parse(readFileSync(join(root, "examples/external-secrets.yaml"), "utf8")));
  const documented = documentedSecrets();
  const { target, data } = external.spec;
  expect(new Set(data.map(({ secretKey }) => secretKey))).toEqual(documented.get(target.name));
  const values = readFileSync(join(root, "components/nats/values.yaml"), "utf8");
  for (const [, name = "", key = ""] of values.matchAll(/name: (\S+)\n\s+key: (\S+)/g))
    expect(documented.get(name)).toContain(key);
});
