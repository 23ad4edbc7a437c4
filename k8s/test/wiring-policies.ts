import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { IScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import type { IPodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { stages } from "@ocelli/contracts";
import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IHorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import type { ICronJob } from "kubernetes-models/batch/v1/CronJob";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import type { IPersistentVolumeClaim } from "kubernetes-models/v1/PersistentVolumeClaim";
import type { IService } from "kubernetes-models/v1/Service";
import {
  type KubernetesObject,
  ofKind,
  root,
  type Selector,
  selects,
  type Workload,
  workloadsOf,
} from "./objects.ts";
import type { Policy } from "./pod-policies.ts";

/** Whatever chooses the pods of a Deployment chooses all of them, and those of nothing else. */
const selectors: Policy = (objects) => {
  const workloads = workloadsOf(objects);
  const chooses = (what: string, name: string, selector: Selector): string[] => {
    const chosen = workloads.filter(({ labels }) => selects(selector, labels)).map((each) => each.name);
    return chosen.length === 1 && chosen[0] === name
      ? []
      : [`${what} ${name} chooses the pods of ${chosen.join(", ") || "nothing"}`];
  };
  return [
    ...ofKind<IDeployment>(objects, "Deployment").flatMap(({ metadata, spec }) => [
      ...chooses("Deployment", metadata.name, spec?.selector ?? {}),
      ...(spec?.template.spec?.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }) =>
        chooses(`topology spread over ${topologyKey} of`, metadata.name, labelSelector ?? {}),
      ),
    ]),
    ...ofKind<IService>(objects, "Service").flatMap(({ metadata, spec }) =>
      chooses("Service", metadata.name, { matchLabels: spec?.selector }),
    ),
    ...ofKind<IPodDisruptionBudget>(objects, "PodDisruptionBudget").flatMap(({ metadata, spec }) =>
      chooses("PodDisruptionBudget", metadata.name, spec?.selector ?? {}),
    ),
  ];
};

/** Every Deployment has what keeps it reachable, spread, and there. */
const companions: Policy = (objects) =>
  workloadsOf(objects)
    .filter(({ kind }) => kind === "Deployment")
    .flatMap((workload) => {
      const has = (kind: string) =>
        objects.some((each) => each.kind === kind && each.metadata.name === workload.name);
      const spread = workload.pod.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey) ?? [];
      return [
        ...["Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount"]
          .filter((kind) => !has(kind))
          .map((kind) => `Deployment ${workload.name} has no ${kind}`),
        ...["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
          .filter((key) => !spread.includes(key))
          .map((key) => `Deployment ${workload.name} is not spread over ${key}`),
        ...servicePorts(objects, workload),
      ];
    });

function servicePorts(objects: readonly KubernetesObject[], { name, pod }: Workload): string[] {
  const service = ofKind<IService>(objects, "Service").find(({ metadata }) => metadata.name === name);
  const ports = pod.containers.flatMap((container) => container.ports ?? []);
  const headless = service?.spec?.clusterIP === "None";
  return [
    ...(service?.spec?.ports ?? [])
      .filter(({ targetPort }) => !ports.some((port) => port.name === targetPort))
      .map((port) => `Service ${name} leads to the port ${port.targetPort}, which no container has`),
    // Calls go to the addresses of the pods themselves, where a service's own port numbers mean nothing.
    ...(service?.spec?.ports ?? [])
      .filter(
        ({ port, targetPort }) =>
          headless && !ports.some((each) => each.name === targetPort && each.containerPort === port),
      )
      .map(
        ({ port }) => `Service ${name} is headless, so that its port ${port} must be that of the container`,
      ),
    ...(name !== "gateway" && !headless
      ? [`Service ${name} is not headless: calls would stay with one pod`]
      : []),
  ];
}

/** One autoscaler at most per Deployment, and then nobody else sets the number. */
const scaling: Policy = (objects) => {
  const targets = [
    ...ofKind<IHorizontalPodAutoscaler>(objects, "HorizontalPodAutoscaler").map(
      ({ spec }) => spec?.scaleTargetRef.name,
    ),
    ...ofKind<IScaledObject>(objects, "ScaledObject").map(({ spec }) => spec?.scaleTargetRef.name),
  ].map(String);
  return targets.flatMap((name, index) => {
    const target = ofKind<IDeployment>(objects, "Deployment").find(({ metadata }) => metadata.name === name);
    return [
      ...(target ? [] : [`an autoscaler's Deployment ${name} does not exist`]),
      ...(targets.indexOf(name) === index ? [] : [`Deployment ${name} has two autoscalers`]),
      ...(target?.spec?.replicas === undefined
        ? []
        : [`Deployment ${name} sets replicas against its autoscaler`]),
    ];
  });
};

/** Queues whose length decides are consumers of the service that is scaled. */
const queues: Policy = (objects) =>
  ofKind<IScaledObject>(objects, "ScaledObject").flatMap(({ metadata, spec }) =>
    (spec?.triggers ?? []).flatMap(({ type, metadata: trigger }) => {
      if (type !== "nats-jetstream") return [];
      const { consumer = "", stream, natsServerMonitoringEndpoint: endpoint = "" } = trigger;
      return [
        ...(consumersOf(metadata.name).has(consumer)
          ? []
          : [`ScaledObject ${metadata.name}: ${metadata.name} has no consumer ${consumer}`]),
        ...(stream === "OCELLI" ? [] : [`ScaledObject ${metadata.name}: there is no stream ${stream}`]),
        ...(endpoint === `ocelli-nats-headless.${metadata.namespace}.svc:8222`
          ? []
          : [`ScaledObject ${metadata.name}: ${endpoint} is not the NATS of ${metadata.namespace}`]),
      ];
    }),
  );

/** Durable names of a service: one per stage, and those that its source spells out. */
function consumersOf(service: string): Set<string> {
  const folder = join(root, "../services", service, "src");
  const sources = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const spelled = sources.flatMap((file) => [
    ...readFileSync(join(folder, file), "utf8").matchAll(/[cC]onsumer(?: =|:) "([a-z-]+)"/g),
  ]);
  return new Set([
    ...stages.filter((stage) => stage.service === service).map(({ name }) => `${service}-${name}`),
    ...spelled.map(([, name = ""]) => name),
  ]);
}

/** A volume that one node can mount has one pod, which is gone before the next one starts, and others on its node. */
const singleMount: Policy = (objects) =>
  workloadsOf(objects).flatMap(({ kind, name, object, pod }) => {
    const claims = (pod.volumes ?? []).map((volume) => volume.persistentVolumeClaim?.claimName);
    const single = ofKind<IPersistentVolumeClaim>(objects, "PersistentVolumeClaim").some(
      ({ metadata, spec }) => claims.includes(metadata.name) && !spec?.accessModes?.includes("ReadWriteMany"),
    );
    if (kind === "CronJob") {
      const [near] = pod.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
      const isNear =
        near?.topologyKey === "kubernetes.io/hostname" &&
        near.labelSelector?.matchLabels?.["app.kubernetes.io/component"] === "library";
      const [spec] = ofKind<ICronJob>([object], "CronJob").map((each) => each.spec);
      if (!single || (isNear && spec?.concurrencyPolicy === "Forbid")) return [];
      return [`CronJob ${name} may wait for a volume that another node has`];
    }
    const deployment = ofKind<IDeployment>([object], "Deployment")[0]?.spec;
    if (!single || (deployment?.replicas === 1 && deployment.strategy?.type === "Recreate")) return [];
    return [`Deployment ${name} may have several pods on a volume that one node can mount`];
  });

/** Metrics are fetched from every service, at a port that exists. */
const monitored: Policy = (objects) =>
  ofKind<IPodMonitor>(objects, "PodMonitor").flatMap(({ spec }) => {
    const deployments = workloadsOf(objects).filter(({ kind }) => kind === "Deployment");
    return deployments.flatMap(({ name, labels, pod }) => [
      ...(selects(spec?.selector ?? {}, labels) ? [] : [`nobody fetches the metrics of ${name}`]),
      ...(spec?.podMetricsEndpoints ?? [])
        .filter(
          ({ port }) => !pod.containers.some(({ ports = [] }) => ports.some((each) => each.name === port)),
        )
        .map(({ port }) => `${name} has no port ${port} for metrics`),
    ]);
  });

/** What no policy allows is refused, in both directions and for every pod; and pods must be restricted. */
const denied: Policy = (objects) => {
  const all = ofKind<INetworkPolicy>(objects, "NetworkPolicy").filter(
    ({ spec }) =>
      Object.keys(spec?.podSelector ?? { none: true }).length === 0 &&
      spec?.policyTypes?.includes("Ingress") &&
      spec.policyTypes.includes("Egress") &&
      !spec.ingress &&
      !spec.egress,
  );
  const restricted = objects.some(
    ({ kind, metadata }) =>
      kind === "Namespace" && metadata.labels?.["pod-security.kubernetes.io/enforce"] === "restricted",
  );
  return [
    ...(all.length === 1 ? [] : ["there is no policy that denies everything"]),
    ...(restricted ? [] : ["the namespace does not enforce restricted pods"]),
  ];
};

/** Rules about how objects refer to each other, by name. */
export const wiringPolicies = { singleMount, selectors, companions, scaling, queues, monitored, denied };
