import { beforeAll, describe, expect, test } from "vitest";
import { configurationPolicies } from "./configuration-policies.ts";
import { renderServices } from "./deployments.ts";
import { allowedEdges, neededEdges } from "./edges.ts";
import { hasKubectl, type KubernetesObject } from "./objects.ts";
import { type Policy, podPolicies } from "./pod-policies.ts";
import { schemaProblems } from "./validate.ts";
import { wiringPolicies } from "./wiring-policies.ts";

const policies: Record<string, Policy> = { ...podPolicies, ...wiringPolicies, ...configurationPolicies };

/** Object, path inside it, new value (`undefined` removes what is there). */
type Change = [kind: string, name: string, path: string, value: unknown];

const pod = "spec.template.spec";
const container = `${pod}.containers.0`;
const cronPod = `spec.jobTemplate.${pod}`;

/** Per policy: one change to good manifests, and what the policy must say of it. */
const mistakes: Record<string, [Change, RegExp][]> = {
  hardened: [
    [["Deployment", "face", `${pod}.securityContext.runAsNonRoot`, undefined], /face: runAsNonRoot/],
    [["Deployment", "face", `${pod}.securityContext.runAsUser`, 0], /no numeric user/],
    [
      ["Job", "migrate-auth", `${container}.securityContext.readOnlyRootFilesystem`, false],
      /root file system/,
    ],
    [
      ["Deployment", "auth", `${container}.securityContext.allowPrivilegeEscalation`, undefined],
      /privileges/,
    ],
    [["Deployment", "auth", `${container}.securityContext.capabilities.drop`, ["NET_RAW"]], /capabilities/],
    [["Deployment", "auth", `${container}.securityContext.capabilities.add`, ["SYS_TIME"]], /capabilities/],
    [["Deployment", "auth", `${pod}.securityContext.seccompProfile`, undefined], /seccomp/],
    [["Deployment", "auth", `${pod}.hostNetwork`, true], /namespace of the host/],
  ],
  bounded: [
    [["Deployment", "scene", `${container}.resources.limits.memory`, undefined], /no memory in limits/],
    [["Job", "migrate-face", `${container}.resources.requests`, undefined], /no cpu in requests/],
  ],
  volumes: [
    [["Deployment", "scene", `${pod}.volumes.0.emptyDir`, {}], /tmp has no sizeLimit/],
    [["Deployment", "scene", `${pod}.volumes.0`, { name: "tmp", hostPath: { path: "/tmp" } }], /not allowed/],
    [["PersistentVolumeClaim", "library", "metadata.name", "photos"], /the claim library does not exist/],
  ],
  images: [
    [["Deployment", "search", `${container}.image`, "ocelli-search:latest"], /no exact version/],
    [["Deployment", "search", `${container}.image`, "ocelli-search"], /no exact version/],
    [["Deployment", "search", `${container}.image`, "nginx:1.29.0"], /not an image of Ocelli/],
  ],
  probes: [
    [["Deployment", "face", `${container}.livenessProbe`, undefined], /liveness probe is missing/],
    [["Deployment", "face", `${container}.livenessProbe.grpc.service`, undefined], /depends on others/],
    [["Deployment", "gateway", `${container}.livenessProbe.httpGet.path`, "/ready"], /depends on others/],
    [["Deployment", "gateway", `${container}.readinessProbe.httpGet.path`, "/health"], /readiness/],
    [["Deployment", "face", `${container}.readinessProbe.grpc.service`, "liveness"], /readiness/],
    [["Deployment", "face", `${container}.startupProbe`, undefined], /startup probe is missing/],
    [["Deployment", "face", `${container}.readinessProbe.grpc.port`, 7001], /a port that does not exist/],
  ],
  noTokens: [
    [["Deployment", "face", `${pod}.automountServiceAccountToken`, undefined], /a token is mounted/],
    [["ServiceAccount", "face", "automountServiceAccountToken", true], /tokens are mounted/],
    [["Deployment", "face", `${pod}.serviceAccountName`, "default"], /default does not exist/],
  ],
  grace: [
    [["Deployment", "face", `${pod}.terminationGracePeriodSeconds`, 30], /kills it before/],
    [["Deployment", "face", `${pod}.terminationGracePeriodSeconds`, undefined], /kills it before/],
    [["Deployment", "face", `${container}.lifecycle`, undefined], /stops at once/],
    [["ConfigMap", "mesh-*", "data.SHUTDOWN_GRACE", "30s"], /longer than the process allows/],
  ],
  labels: [[["Service", "face", "metadata.labels", undefined], /Service face: not labelled/]],
  selectors: [
    [
      ["Deployment", "face", "spec.template.metadata.labels", { a: "b" }],
      /Deployment face chooses the pods of nothing/,
    ],
    [
      ["Service", "face", "spec.selector", { "app.kubernetes.io/part-of": "ocelli" }],
      /chooses the pods of .*, /,
    ],
    [["PodDisruptionBudget", "face", "spec.selector.matchLabels", { a: "b" }], /chooses the pods of nothing/],
    [
      ["Deployment", "face", `${pod}.topologySpreadConstraints.0.labelSelector.matchLabels`, { a: "b" }],
      /topology/,
    ],
  ],
  companions: [
    [["PodDisruptionBudget", "face", "metadata.name", "other"], /face has no PodDisruptionBudget/],
    [["NetworkPolicy", "auth", "metadata.name", "other"], /auth has no NetworkPolicy/],
    [["Service", "auth", "metadata.name", "other"], /auth has no Service/],
    [
      ["Deployment", "auth", `${pod}.topologySpreadConstraints.1`, undefined],
      /not spread over kubernetes.io.hostname/,
    ],
    [["Service", "auth", "spec.ports.0.targetPort", "http"], /leads to the port http/],
    [["Service", "auth", "spec.ports.0.port", 80], /headless, so that its port 80/],
    [["Service", "auth", "spec.clusterIP", undefined], /not headless/],
  ],
  scaling: [
    [["ScaledObject", "face", "spec.scaleTargetRef.name", "vision"], /vision does not exist/],
    [["ScaledObject", "face", "spec.scaleTargetRef.name", "scene"], /scene has two autoscalers/],
    [["Deployment", "face", "spec.replicas", 2], /sets replicas against/],
  ],
  queues: [
    [["ScaledObject", "face", "spec.triggers.0.metadata.consumer", "face-scene"], /no consumer face-scene/],
    [["ScaledObject", "face", "spec.triggers.0.metadata.stream", "EVENTS"], /no stream EVENTS/],
    [["ScaledObject", "face", "metadata.namespace", "elsewhere"], /not the NATS of elsewhere/],
  ],
  singleMount: [
    [["Deployment", "library", "spec.replicas", 2], /several pods on a volume/],
    [["Deployment", "library", "spec.strategy", { type: "RollingUpdate" }], /several pods on a volume/],
    [["CronJob", "backup", "spec.concurrencyPolicy", "Allow"], /a volume that another node has/],
    [["CronJob", "backup", `${cronPod}.affinity`, undefined], /a volume that another node has/],
  ],
  monitored: [
    [["PodMonitor", "ocelli", "spec.selector.matchExpressions.0.values", ["face"]], /nobody fetches .* auth/],
    [["PodMonitor", "ocelli", "spec.podMetricsEndpoints.0.port", "http-metrics"], /no port http-metrics/],
  ],
  denied: [
    [["NetworkPolicy", "deny-all", "spec.policyTypes", ["Ingress"]], /denies everything/],
    [["NetworkPolicy", "deny-all", "spec.egress", [{}]], /denies everything/],
    [["NetworkPolicy", "deny-all", "spec.podSelector.matchLabels", { a: "b" }], /denies everything/],
    [["Namespace", "ocelli", "metadata.labels", {}], /does not enforce restricted/],
  ],
  settings: [
    [["ConfigMap", "face-*", "data.FACE_CONCURENCY", "4"], /FACE_CONCURENCY is no setting of face/],
    [["ConfigMap", "face-*", "data.FACE_PORT", "many"], /face: bad configuration: FACE_PORT/],
    [["ConfigMap", "face-*", "data.SHUTDOWN_GRACE", "1s"], /SHUTDOWN_GRACE is set twice/],
    [["ConfigMap", "gateway-*", "data.MIGRATE_ON_START", "false"], /is no setting of gateway/],
    [["ConfigMap", "face-*", "metadata.name", "face"], /the ConfigMap face-.* does not exist/],
    [["Deployment", "face", `${container}.env.1`, undefined], /FACE_SERVICE_SECRET is required/],
    [["Deployment", "face", `${container}.envFrom.0`, { secretRef: { name: "all" } }], /name its keys/],
    [["Job", "migrate-face", `${container}.args`, ["migrate", "scene"]], /does not migrate face/],
    [["Job", "migrate-face", `${container}.image`, "ocelli-scene:0.1.0"], /not the image of face/],
    [["CronJob", "backup", `${cronPod}.containers.0.env.0`, undefined], /does not know the store of auth/],
    [["CronJob", "backup", `${cronPod}.containers.0.args.1`, "/elsewhere"], /no volume is at .elsewhere/],
  ],
  agreement: [
    [["ConfigMap", "face-*", "data.FACE_PORT", "7040"], /FACE_PORT is not its port/],
    [["ConfigMap", "face-*", "data.FACE_HOST", "127.0.0.1"], /FACE_HOST lets nobody/],
    [["ConfigMap", "mesh-*", "data.METRICS_PORT", "9090"], /METRICS_PORT is not/],
    [["ConfigMap", "face-*", "data.AUTH_ADDR", "auth:7001"], /AUTH_ADDR is not dns:/],
    [["ConfigMap", "face-*", "data.LIBRARY_ADDR", undefined], /LIBRARY_ADDR is not dns:/],
    [["ConfigMap", "face-*", "data.OCELLI_WORKERS", "4"], /4 x 1 threads at a limit of 2/],
    [["Deployment", "face", `${container}.image`, "ocelli-scene:0.1.0"], /another service's image/],
  ],
  threads: [[["ConfigMap", "scene-*", "data.OCELLI_WORKERS", undefined], /as many threads as the node has/]],
  secrets: [
    [
      ["Deployment", "face", `${container}.env.0.valueFrom.secretKeyRef.key`, "url"],
      /key url of the secret ocelli-face/,
    ],
    [
      ["Cluster", "ocelli-postgres", "spec.managed.roles.0.passwordSecret.name", "other"],
      /of the secret other/,
    ],
    [
      ["Gateway", "ocelli", "spec.listeners.0.tls.certificateRefs.0.name", "other"],
      /tls.crt of the secret other/,
    ],
    [["ConfigMap", "face-*", "data.NATS_URL", "nats://a:b@c:4222"], /NATS_URL is in the ConfigMap/],
    [["ConfigMap", "face-*", "kind", "Secret"], /is in the tree/],
  ],
};

describe.skipIf(!hasKubectl())("each policy notices", () => {
  let good: KubernetesObject[] = [];

  beforeAll(async () => {
    good = await renderServices(["keda", "gateway-api", "monitoring", "backup"]);
  });

  test("nothing in good manifests, and every policy is tried", () => {
    expect(Object.keys(mistakes).sort()).toEqual(Object.keys(policies).sort());
    for (const check of Object.values(policies)) expect(check(good)).toEqual([]);
  });

  test.each(Object.keys(mistakes))("%s", (name) => {
    for (const [change, expected] of mistakes[name] ?? []) {
      const found = policies[name]?.(changed(good, change)) ?? [];
      expect(
        found.filter((problem) => expected.test(problem)),
        `${change.join(" ")}: ${found}`,
      ).not.toEqual([]);
    }
  });

  test("a kind without a schema, and a field of the wrong type", async () => {
    const odd = changed(good, ["Service", "face", "kind", "ServiceExport"]);
    expect((await schemaProblems(odd)).join()).toContain("no schema of v1 ServiceExport");
    const wrong = changed(good, [
      "Deployment",
      "face",
      "spec.template.spec.containers.0.ports.0.containerPort",
      "x",
    ]);
    expect((await schemaProblems(wrong)).join()).toMatch(/Deployment face: .*containerPort/);
  });

  test("an edge that nobody needs, one that is missing, and one that the other side refuses", () => {
    const extra = changed(good, [
      "NetworkPolicy",
      "face",
      "spec.egress.0.to.0",
      { podSelector: { matchLabels: { "app.kubernetes.io/component": "scene" } } },
    ]);
    expect(allowedEdges(extra).egress).toContain("face -> scene:53");
    expect(neededEdges(extra)).not.toContain("face -> scene:53");
    const missing = changed(good, ["NetworkPolicy", "face", "spec.egress.3", undefined]);
    const needed = [...neededEdges(missing)].filter((edge) => !allowedEdges(missing).egress.has(edge));
    expect(needed).toEqual(["face -> auth:7001"]);
    const refused = changed(good, ["NetworkPolicy", "auth", "spec.ingress.0.from.0", undefined]);
    expect(allowedEdges(good).ingress).toContain("library -> auth:7001");
    expect(allowedEdges(refused).ingress).not.toContain("library -> auth:7001");
  });
});

/** Copies of the objects with one thing changed in the one of this kind and name; `*` stands for the hash of its contents. */
function changed(
  objects: readonly KubernetesObject[],
  [kind, name, path, value]: Change,
): KubernetesObject[] {
  const copy = structuredClone([...objects]);
  const fits = (each: string) => (name.endsWith("*") ? each.startsWith(name.slice(0, -1)) : each === name);
  const target = copy.find((each) => each.kind === kind && fits(each.metadata.name));
  if (!target) throw new Error(`there is no ${kind} ${name}`);
  const keys = path.split(".");
  const last = keys.pop() ?? "";
  let inner: unknown = target;
  for (const key of keys) inner = Reflect.get(objectOf(inner, path), key);
  const parent = objectOf(inner, path);
  if (value !== undefined) Reflect.set(parent, last, value);
  else if (!(last in parent)) throw new Error(`there is no ${path} to remove`);
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else Reflect.deleteProperty(parent, last);
  return copy;
}

function objectOf(value: unknown, path: string): object {
  if (typeof value === "object" && value !== null) return value;
  throw new Error(`there is nothing at ${path}`);
}
