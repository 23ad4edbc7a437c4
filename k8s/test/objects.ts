import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import type { IPodSpec } from "kubernetes-models/v1/PodSpec";
import { parseAllDocuments } from "yaml";

/** An object of a manifest, whatever its kind. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  spec?: unknown;
}

/** A Deployment, a Job or a CronJob: what runs pods of ours. */
export interface Workload {
  kind: "Deployment" | "Job" | "CronJob";
  name: string;
  object: KubernetesObject;
  labels: Record<string, string>;
  pod: IPodSpec;
}

/** Folder of the manifests. */
export const root = join(import.meta.dirname, "..");

const run = promisify(execFile);

/** Whether `kubectl` is on PATH, without which nothing here can be rendered. */
export function hasKubectl(): boolean {
  try {
    execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("SKIPPED: the manifests in k8s/ are not checked, for there is no kubectl on PATH");
    return false;
  }
}

/** The objects of a kustomization, e.g. `overlays/production`. @throws Error with what kubectl said. */
export async function render(folder: string): Promise<KubernetesObject[]> {
  const { stdout } = await run("kubectl", ["kustomize", folder], { cwd: root, maxBuffer: 32 * 1024 * 1024 });
  return parseAllDocuments(stdout).map((document) => {
    if (document.errors[0]) throw document.errors[0];
    // Every document that kustomize prints has kind and name, or it would not have taken it.
    return document.toJS() as KubernetesObject;
  });
}

/** The objects of one base with components added to it, in the namespace `ocelli`. */
export async function renderWith(
  bases: readonly string[],
  components: readonly string[],
): Promise<KubernetesObject[]> {
  const folder = mkdtempSync(join(tmpdir(), "ocelli-k8s-"));
  const listed = (names: readonly string[]) =>
    names.map((name) => `  - ${relative(folder, join(root, name))}\n`).join("");
  try {
    writeFileSync(
      join(folder, "kustomization.yaml"),
      `namespace: ocelli\nresources:\n${listed(bases)}components:\n${listed([...components, "overlays/production/images"])}`,
    );
    return await render(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The objects of one kind. `T` is the type of the validated kind, which the caller names. */
export function ofKind<T>(objects: readonly KubernetesObject[], kind: string): (T & KubernetesObject)[] {
  // The schemas have been checked by `validate`; the type says what they say.
  return objects.filter((object) => object.kind === kind) as (T & KubernetesObject)[];
}

interface Template {
  template: { metadata?: { labels?: Record<string, string> }; spec: IPodSpec };
}

/** Everything that runs pods of ours. */
export function workloadsOf(objects: readonly KubernetesObject[]): Workload[] {
  const workload = (kind: Workload["kind"], object: KubernetesObject, { template }: Template): Workload => ({
    kind,
    name: object.metadata.name,
    object,
    labels: template.metadata?.labels ?? {},
    pod: template.spec,
  });
  return [
    ...(["Deployment", "Job"] as const).flatMap((kind) =>
      ofKind<{ spec: Template }>(objects, kind).map((object) => workload(kind, object, object.spec)),
    ),
    ...ofKind<{ spec: { jobTemplate: { spec: Template } } }>(objects, "CronJob").map((object) =>
      workload("CronJob", object, object.spec.jobTemplate.spec),
    ),
  ];
}

/** A label selector of Kubernetes, as far as these manifests use it. */
export interface Selector {
  matchLabels?: Record<string, string> | undefined;
  matchExpressions?:
    | readonly { key: string; operator: string; values?: readonly string[] | undefined }[]
    | undefined;
}

/** Whether a selector chooses a pod with these labels; an empty one chooses every pod. */
export function selects(selector: Selector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
  return (
    equal &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== "In") throw new Error(`the operator ${operator} is not used here`);
      return values.includes(labels[key] ?? "");
    })
  );
}
