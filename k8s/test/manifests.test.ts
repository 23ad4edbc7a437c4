import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { configurationPolicies } from "./configuration-policies.ts";
import { combinations, productionComponents, renderOverlay, renderServices } from "./deployments.ts";
import { allowedEdges, neededEdges } from "./edges.ts";
import { hasKubectl, type KubernetesObject, root } from "./objects.ts";
import { podPolicies } from "./pod-policies.ts";
import { schemaProblems } from "./validate.ts";
import { wiringPolicies } from "./wiring-policies.ts";

const policies = { ...podPolicies, ...wiringPolicies, ...configurationPolicies };

/** Edges that come from no setting but from who stands outside, by the component that lets them through. */
const outside: Readonly<Record<string, readonly string[]>> = {
  webhooks: ["library -> internet:443"],
  "external-postgres": ["auth", "library", "captioning", "face", "scene", "search", "migrate", "backup"].map(
    (name) => `${name} -> 192.0.2.10/32:5432`,
  ),
  "cnpg-pooler": [
    ...["auth", "library", "captioning", "face", "scene", "search", "migrate", "backup"].map(
      (name) => `${name} -> pooler:5432`,
    ),
    "pooler -> kube-system:53",
    "pooler -> postgres:5432",
    "pooler -> anybody:443",
    "pooler -> anybody:6443",
  ],
  stores: [
    ...["nats -> kube-system:53", "nats -> nats:6222"],
    ...["postgres -> kube-system:53", "postgres -> postgres:5432", "postgres -> postgres:8000"],
    ...["postgres -> anybody:443", "postgres -> anybody:6443"],
  ],
};

/** Who is let in from other namespaces, by component. */
const visitors: Readonly<Record<string, readonly string[]>> = {
  ingress: ["ingress-nginx -> gateway:8080"],
  "gateway-api": ["envoy-gateway-system -> gateway:8080"],
  keda: ["keda -> nats:8222"],
  monitoring: ["gateway", "auth", "library", "captioning", "face", "scene", "search"].map(
    (name) => `monitoring -> ${name}:9464`,
  ),
  stores: ["cnpg-system -> postgres:5432", "cnpg-system -> postgres:8000"],
};

describe.skipIf(!hasKubectl())("manifests", () => {
  const rendered = new Map<string, KubernetesObject[]>();
  const cases: (readonly [string, readonly string[], () => Promise<KubernetesObject[]>])[] = [
    ["overlay production", productionComponents, () => renderOverlay("production")],
    ["overlay dev", [], () => renderOverlay("dev")],
    ...combinations.map(
      (components) => [components.join(" + "), components, () => renderServices(components)] as const,
    ),
  ];

  beforeAll(async () => {
    // A few at a time: each is a process of its own.
    const waiting = [...cases];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) rendered.set(next[0], await next[2]());
    };
    await Promise.all([work(), work(), work()]);
  });

  const objectsOf = (name: string) => rendered.get(name) ?? [];

  test("each component is among what is checked", () => {
    const folders = readdirSync(join(root, "components")).sort();
    const checked = [...productionComponents, ...combinations.flat(), "cnpg", "nats"];
    expect([...new Set(checked)].sort()).toEqual(folders);
    expect(readdirSync(join(root, "overlays")).sort()).toEqual(["dev", "production"]);
  });

  test.each(cases)("%s: fits the schemas", async (name) => {
    expect(objectsOf(name).length).toBeGreaterThan(50);
    expect(await schemaProblems(objectsOf(name))).toEqual([]);
  });

  test.each(cases)("%s: keeps every policy", (name) => {
    const broken = Object.entries(policies).flatMap(([policy, check]) =>
      check(objectsOf(name)).map((problem) => `${policy}: ${problem}`),
    );
    expect(broken).toEqual([]);
  });

  test.each(cases)("%s: lets through what the settings call for, and nothing else", (name, components) => {
    const objects = objectsOf(name);
    const { egress, ingress } = allowedEdges(objects);
    const added = ["stores", ...components].flatMap((component) => outside[component] ?? []);
    expect([...egress].sort()).toEqual([...new Set([...neededEdges(objects), ...added])].sort());
    // Whatever stays inside the namespace has to be admitted on the other side, too.
    const inside = [...egress].filter(
      (edge) => /-> [a-z]+:/.test(edge) && !/internet|anybody|observability/.test(edge),
    );
    const admitted = ["stores", ...components].flatMap((component) => visitors[component] ?? []);
    expect([...ingress].sort()).toEqual([...inside, ...admitted].sort());
  });
});
