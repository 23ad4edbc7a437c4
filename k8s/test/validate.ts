import type { KubernetesObject } from "./objects.ts";

interface Validated {
  validate(): void;
}

/** Where the schemas of an API version lie, one module per kind: packages of Kubernetes and of each operator. */
const schemas: Readonly<Record<string, string>> = {
  v1: "kubernetes-models/v1",
  "apps/v1": "kubernetes-models/apps/v1",
  "batch/v1": "kubernetes-models/batch/v1",
  "policy/v1": "kubernetes-models/policy/v1",
  "networking.k8s.io/v1": "kubernetes-models/networking.k8s.io/v1",
  "autoscaling/v2": "kubernetes-models/autoscaling/v2",
  "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
  "keda.sh/v1alpha1": "@kubernetes-models/keda/keda.sh/v1alpha1",
  "postgresql.cnpg.io/v1": "@kubernetes-models/cloudnative-pg/postgresql.cnpg.io/v1",
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};

/** What is wrong with objects by their JSON schemas, a kind without a schema included. */
export async function schemaProblems(objects: readonly KubernetesObject[]): Promise<string[]> {
  const problems = await Promise.all(objects.map(problemOf));
  return problems.filter((problem) => problem !== undefined);
}

async function problemOf(object: KubernetesObject): Promise<string | undefined> {
  const { apiVersion, kind, metadata } = object;
  const Model = await modelOf(apiVersion, kind);
  if (!Model) return `${kind} ${metadata.name}: no schema of ${apiVersion} ${kind} is known`;
  try {
    new Model(object).validate();
    return undefined;
  } catch (error) {
    return `${kind} ${metadata.name}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function modelOf(
  apiVersion: string,
  kind: string,
): Promise<(new (data: object) => Validated) | undefined> {
  const folder = schemas[apiVersion];
  if (!folder || !/^[A-Za-z]+$/.test(kind)) return undefined;
  try {
    const module: Record<string, new (data: object) => Validated> = await import(
      /* @vite-ignore */ `${folder}/${kind}`
    );
    return module[kind];
  } catch {
    return undefined;
  }
}
