import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import type { INetworkPolicyPeer } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyPeer";
import type { INetworkPolicyPort } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicyPort";
import { environmentOf } from "./environment.ts";
import { type KubernetesObject, ofKind, selects, type Workload, workloadsOf } from "./objects.ts";
import { callsOf, storeNames } from "./settings.ts";

/** Connections that are allowed, as `from -> to:port`; what one side needs and what the other side admits. */
export interface Edges {
  egress: Set<string>;
  ingress: Set<string>;
}

/** Pods of other projects by the labels that their operator or chart gives them. */
const foreignPods: Readonly<Record<string, Record<string, string>>> = {
  postgres: { "cnpg.io/cluster": "ocelli-postgres" },
  pooler: { "cnpg.io/poolerName": "ocelli-postgres-pooler" },
  nats: { "app.kubernetes.io/name": "nats", "app.kubernetes.io/instance": "ocelli-nats" },
};

/** The edges that all policies together allow. */
export function allowedEdges(objects: readonly KubernetesObject[]): Edges {
  const pods = podsOf(objects);
  const edges: Edges = { egress: new Set(), ingress: new Set() };
  for (const { spec } of ofKind<INetworkPolicy>(objects, "NetworkPolicy")) {
    const subjects = chosen(pods, spec?.podSelector ?? {});
    for (const rule of spec?.egress ?? [])
      add(edges.egress, subjects, peers(pods, rule.to), rule.ports, "to");
    for (const rule of spec?.ingress ?? [])
      add(edges.ingress, subjects, peers(pods, rule.from), rule.ports, "from");
  }
  return edges;
}

function add(
  edges: Set<string>,
  subjects: readonly string[],
  others: readonly string[],
  ports: readonly INetworkPolicyPort[] = [],
  direction: "from" | "to",
): void {
  for (const subject of subjects)
    for (const other of others)
      for (const { port } of ports.length > 0 ? ports : [{ port: "any" }])
        edges.add(direction === "to" ? `${subject} -> ${other}:${port}` : `${other} -> ${subject}:${port}`);
}

function podsOf(objects: readonly KubernetesObject[]): Record<string, Record<string, string>> {
  const own = workloadsOf(objects).map(({ kind, name, labels }) => [
    kind === "Job" ? "migrate" : name,
    labels,
  ]);
  return { ...Object.fromEntries(own), ...foreignPods };
}

function chosen(
  pods: Record<string, Record<string, string>>,
  selector: Parameters<typeof selects>[0],
): string[] {
  return Object.keys(pods).filter((name) => selects(selector, pods[name] ?? {}));
}

/** Who a rule speaks of: pods by name, another namespace's by its name, the Internet, or anybody. */
function peers(
  pods: Record<string, Record<string, string>>,
  list: readonly INetworkPolicyPeer[] | undefined,
): string[] {
  if (!list) return ["anybody"];
  return list.flatMap(({ podSelector, namespaceSelector, ipBlock }) => {
    if (ipBlock) return [ipBlock.cidr === "0.0.0.0/0" ? "internet" : ipBlock.cidr];
    const namespace = namespaceSelector?.matchLabels?.["kubernetes.io/metadata.name"];
    if (namespaceSelector) return [namespace ?? "any namespace"];
    return chosen(pods, podSelector ?? {});
  });
}

/** The edges that the settings of the services, and what they are set to, call for. */
export function neededEdges(objects: readonly KubernetesObject[]): Set<string> {
  const edges = new Set<string>();
  for (const { kind, name, pod } of workloadsOf(objects)) {
    const from = kind === "Job" ? "migrate" : name;
    const container = pod.containers[0];
    const values = container ? environmentOf(container, objects).values : {};
    const needs = {
      Deployment: () => needsOf(name, values, objects),
      Job: () => jobNeeds,
      CronJob: () => [...jobNeeds, ...blobNeeds(values)],
    };
    for (const to of needs[kind]()) edges.add(`${from} -> ${to}`);
  }
  return edges;
}

const dns = ["kube-system:53"];
const jobNeeds = [...dns, "postgres:5432"];

function needsOf(
  name: string,
  values: Record<string, string>,
  objects: readonly KubernetesObject[],
): string[] {
  const endpoint = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  return [
    ...dns,
    "nats:4222",
    ...(storeNames.includes(name) ? ["postgres:5432"] : []),
    ...callsOf(name).map((called) => `${called}:${grpcPort(objects, called)}`),
    ...(endpoint ? [`observability:${new URL(endpoint).port}`] : []),
    ...(values.SMTP_URL ? ["internet:587"] : []),
    ...(values.OIDC_ISSUER ? ["internet:443"] : []),
    ...blobNeeds(values),
  ];
}

function blobNeeds({ BLOB_STORE }: Record<string, string>): string[] {
  return BLOB_STORE === "s3" ? ["internet:443"] : [];
}

function grpcPort(objects: readonly KubernetesObject[], service: string): number | undefined {
  const called: Workload | undefined = workloadsOf(objects).find(
    ({ kind, name }) => kind === "Deployment" && name === service,
  );
  return called?.pod.containers[0]?.ports?.find(({ name }) => name === "grpc")?.containerPort;
}
