import type { IContainer } from "kubernetes-models/v1/Container";
import { stopTimeoutMs } from "../../cli/src/run-until-stopped.ts";
import { environmentOf } from "./environment.ts";
import { type KubernetesObject, type Workload, workloadsOf } from "./objects.ts";

type Problems = string[];

/** A rule about a whole deployment; its problems are one line each, naming the object. */
export type Policy = (objects: readonly KubernetesObject[]) => Problems;

/** A rule about each workload, or only about those that serve. */
function each(
  check: (workload: Workload, container: IContainer) => (string | false)[],
  only?: string,
): Policy {
  return (objects) =>
    workloadsOf(objects)
      .filter(({ kind }) => only === undefined || kind === only)
      .flatMap((workload) =>
        workload.pod.containers.flatMap((container) =>
          check(workload, container)
            .filter((problem) => problem !== false)
            .map((problem) => `${workload.kind} ${workload.name}: ${problem}`),
        ),
      );
}

/** Pods run as nobody in particular, and can change and become nothing. */
const hardened = each(({ pod }, { securityContext: own }) => {
  const { securityContext: shared } = pod;
  const user = own?.runAsUser ?? shared?.runAsUser;
  return [
    (own?.runAsNonRoot ?? shared?.runAsNonRoot) !== true && "runAsNonRoot is not set",
    (user === undefined || user < 1) && "no numeric user other than root",
    own?.readOnlyRootFilesystem !== true && "the root file system can be written",
    own?.allowPrivilegeEscalation !== false && "privileges may grow",
    own?.privileged === true && "it is privileged",
    (!own?.capabilities?.drop?.includes("ALL") || (own.capabilities.add ?? []).length > 0) &&
      "capabilities stay",
    (own?.seccompProfile ?? shared?.seccompProfile)?.type !== "RuntimeDefault" && "no seccomp profile",
    (pod.hostNetwork || pod.hostPID || pod.hostIPC) === true && "it shares a namespace of the host",
  ];
});

/** Requests and limits of both CPU and memory. */
const bounded = each((_, { resources }) =>
  (["requests", "limits"] as const).flatMap((which) =>
    ["cpu", "memory"].map((what) => resources?.[which]?.[what] === undefined && `no ${what} in ${which}`),
  ),
);

/** No volume without a bound, none of the node. */
const volumes: Policy = (objects) =>
  workloadsOf(objects).flatMap(({ kind, name, pod }) =>
    (pod.volumes ?? []).flatMap((volume) => {
      if (volume.emptyDir)
        return volume.emptyDir.sizeLimit ? [] : [`${kind} ${name}: ${volume.name} has no sizeLimit`];
      const claim = volume.persistentVolumeClaim?.claimName;
      if (claim === undefined) return [`${kind} ${name}: ${volume.name} is of a kind that is not allowed`];
      const exists = objects.some(
        (each) => each.kind === "PersistentVolumeClaim" && each.metadata.name === claim,
      );
      return exists ? [] : [`${kind} ${name}: the claim ${claim} does not exist`];
    }),
  );

/** Exact versions. */
const images = each((_, { image = "" }) => [
  !/^\S+:\d+\.\d+\.\d+$|^\S+@sha256:[0-9a-f]{64}$/.test(image) && `the image ${image} is of no exact version`,
  !/(?:^|\/)ocelli-[a-z]+[:@]/.test(image) && `${image} is not an image of Ocelli`,
]);

/** Three probes; liveness asks for nothing that depends on others, readiness for what does. */
const probes = each(({ name }, { startupProbe, readinessProbe, livenessProbe, ports = [] }) => {
  const alive = (probe: IContainer["livenessProbe"]) =>
    name === "gateway" ? probe?.httpGet?.path === "/health" : probe?.grpc?.service === "liveness";
  const ready =
    name === "gateway"
      ? readinessProbe?.httpGet?.path === "/ready"
      : readinessProbe?.grpc !== undefined && !readinessProbe.grpc.service;
  const known = ports.flatMap((port) => [port.containerPort, port.name ?? ""]);
  const asked = [startupProbe, readinessProbe, livenessProbe].map(
    (probe) => probe?.grpc?.port ?? probe?.httpGet?.port,
  );
  return [
    !alive(startupProbe) && "the startup probe is missing, or depends on others",
    !alive(livenessProbe) && "the liveness probe is missing, or depends on others",
    !ready && "the readiness probe is missing, or does not ask whether calls are welcome",
    asked.some((port) => port === undefined || !known.includes(port)) &&
      "a probe asks a port that does not exist",
  ];
}, "Deployment");

/** No token of the cluster in any pod. */
const noTokens: Policy = (objects) => [
  ...workloadsOf(objects).flatMap(({ kind, name, pod }) => {
    const account = objects.find(
      (each) => each.kind === "ServiceAccount" && each.metadata.name === pod.serviceAccountName,
    );
    return [
      ...(pod.automountServiceAccountToken === false ? [] : [`${kind} ${name}: a token is mounted`]),
      ...(account ? [] : [`${kind} ${name}: the ServiceAccount ${pod.serviceAccountName} does not exist`]),
    ];
  }),
  ...objects
    .filter(
      (each) =>
        each.kind === "ServiceAccount" &&
        !("automountServiceAccountToken" in each && each.automountServiceAccountToken === false),
    )
    .map(({ metadata }) => `ServiceAccount ${metadata.name}: tokens are mounted`),
];

/** Kubernetes waits for longer than the process takes to finish what it has in hand. */
const grace: Policy = (objects) =>
  each(({ pod }, container) => {
    const preStop = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
    const own = Number(/^(\d+)s$/.exec(environmentOf(container, objects).values.SHUTDOWN_GRACE ?? "")?.[1]);
    const longest = Math.max(own, stopTimeoutMs / 1000);
    return [
      preStop < 1 && "it stops at once, while callers still know its address",
      Number.isNaN(own) && "SHUTDOWN_GRACE is not set in seconds",
      own * 1000 >= stopTimeoutMs && "SHUTDOWN_GRACE is longer than the process allows itself",
      (pod.terminationGracePeriodSeconds ?? 30) <= preStop + longest &&
        "Kubernetes kills it before its grace ends",
    ];
  }, "Deployment")(objects);

/** Every object says what it belongs to. */
const labels: Policy = (objects) =>
  objects
    .filter(
      ({ kind, metadata }) =>
        kind !== "ConfigMap" && metadata.labels?.["app.kubernetes.io/part-of"] !== "ocelli",
    )
    .map(({ kind, metadata }) => `${kind} ${metadata.name}: not labelled as part of ocelli`);

/** Rules about pods, by name. */
export const podPolicies = { hardened, bounded, volumes, images, probes, noTokens, grace, labels };
