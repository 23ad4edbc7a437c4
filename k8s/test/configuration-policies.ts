import type { ICluster } from "@kubernetes-models/cloudnative-pg/postgresql.cnpg.io/v1/Cluster";
import type { IGateway } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/Gateway";
import type { IIngress } from "kubernetes-models/networking.k8s.io/v1/Ingress";
import type { IContainer } from "kubernetes-models/v1/Container";
import { documentedSecrets } from "./documented-secrets.ts";
import { environmentOf } from "./environment.ts";
import { type KubernetesObject, ofKind, type Workload, workloadsOf } from "./objects.ts";
import type { Policy } from "./pod-policies.ts";
import { callsOf, settingProblems, settingsOf, storeNames, variablesOf } from "./settings.ts";

/** What a container finds in its environment are settings of its service, and good ones. */
const settings: Policy = (objects) =>
  workloadsOf(objects).flatMap(({ kind, name, pod }) =>
    pod.containers.flatMap((container) => {
      const service = kind === "Job" ? name.replace(/^migrate-/, "") : name;
      const { values, problems } = environmentOf(container, objects);
      const known = kind === "CronJob" ? backupVariables : variablesOf(service);
      return [
        ...problems,
        ...Object.keys(values)
          .filter((variable) => !known.includes(variable))
          .map((variable) => `${variable} is no setting of ${service}`),
        ...problemsOf[kind](service, container, values),
      ].map((problem) => `${kind} ${name}: ${problem}`);
    }),
  );

/** What `ocelli backup` reads: where all stores are, and what the library knows of photos. */
const backupVariables = [
  ...variablesOf("library"),
  ...storeNames.map((name) => `DATABASE_URL_${name.toUpperCase()}`),
];

const problemsOf: Record<
  Workload["kind"],
  (service: string, container: IContainer, values: Record<string, string>) => string[]
> = {
  Deployment: (service, _container, values) => settingProblems(service, values),
  Job: jobProblems,
  CronJob: (_service, { args, image = "", volumeMounts = [] }, values) => [
    ...(args?.[0] === "backup" && image.includes("ocelli-all:") ? [] : ["it makes no backup"]),
    ...storeNames
      .filter((name) => !values[`DATABASE_URL_${name.toUpperCase()}`])
      .map((name) => `it does not know the store of ${name}`),
    ...[args?.[1], values.LIBRARY_DATA]
      .filter((path) => !volumeMounts.some(({ mountPath }) => path?.startsWith(`${mountPath}/`)))
      .map((path) => `no volume is at ${path}`),
  ],
};

function jobProblems(service: string, { args, image = "", env = [] }: IContainer): string[] {
  return [
    ...(args?.join(" ") === `migrate ${service}` ? [] : [`it does not migrate ${service}`]),
    ...(image.includes(`ocelli-${service}:`) ? [] : [`${image} is not the image of ${service}`]),
    ...(env.some((each) => each.name === `DATABASE_URL_${service.toUpperCase()}`)
      ? []
      : ["it has no database"]),
  ];
}

/** Ports, addresses and threads that are said twice are said alike. */
const agreement: Policy = (objects) =>
  workloadsOf(objects)
    .filter(({ kind }) => kind === "Deployment")
    .flatMap(({ name, pod }) =>
      pod.containers.flatMap((container) => {
        const { values } = environmentOf(container, objects);
        const prefix = name === "gateway" ? "" : `${name.toUpperCase()}_`;
        const port = (which: string) => container.ports?.find((each) => each.name === which)?.containerPort;
        const listens = name === "gateway" ? "http" : "grpc";
        return [
          ...(Number(values[`${prefix}PORT`]) === port(listens)
            ? []
            : [`${prefix}PORT is not its port ${listens}`]),
          ...(Number(values.METRICS_PORT) === port("metrics")
            ? []
            : ["METRICS_PORT is not its port metrics"]),
          ...["METRICS_HOST", `${prefix}HOST`]
            .filter((variable) => values[variable] !== "0.0.0.0")
            .map((variable) => `${variable} lets nobody else in`),
          ...callsOf(name)
            .filter((called) => values[`${called.toUpperCase()}_ADDR`] !== addressOf(objects, called))
            .map((called) => `${called.toUpperCase()}_ADDR is not ${addressOf(objects, called)}`),
          ...threadProblems(container, values),
          ...(name in settingsOf && container.image?.includes(`ocelli-${name}:`)
            ? []
            : ["it runs another service's image"]),
        ].map((problem) => `Deployment ${name}: ${problem}`);
      }),
    );

/** `dns:///`, so that the client looks up every pod of the headless Service. */
function addressOf(objects: readonly KubernetesObject[], service: string): string {
  const called = workloadsOf(objects).find((each) => each.name === service);
  const port = called?.pod.containers[0]?.ports?.find((each) => each.name === "grpc")?.containerPort;
  return `dns:///${service}:${port}`;
}

function threadProblems(container: IContainer, values: Record<string, string>): string[] {
  const { OCELLI_WORKERS: workers, OCELLI_WORKER_THREADS: threads } = values;
  if (workers === undefined && threads === undefined) return [];
  const limit = Number(container.resources?.limits?.cpu);
  return Number(workers) * Number(threads) <= limit
    ? []
    : [`${workers} x ${threads} threads at a limit of ${limit} CPUs`];
}

/** Services that run models say with how many threads. */
const threads: Policy = (objects) =>
  workloadsOf(objects)
    .filter(({ kind, name }) => kind === "Deployment" && variablesOf(name).includes("OCELLI_WORKERS"))
    .filter(({ pod }) => {
      const { values } = environmentOf(pod.containers[0] ?? { name: "" }, objects);
      return !values.OCELLI_WORKERS || !values.OCELLI_WORKER_THREADS;
    })
    .map(({ name }) => `Deployment ${name}: it would start as many threads as the node has cores`);

/** No secret in the tree; each that is referred to is documented with its keys. */
const secrets: Policy = (objects) => {
  const documented = documentedSecrets();
  const references = [
    ...workloadsOf(objects).flatMap(({ pod }) =>
      pod.containers.flatMap((container) => environmentOf(container, objects).secrets),
    ),
    ...ofKind<ICluster>(objects, "Cluster").flatMap(({ spec }) =>
      (spec?.managed?.roles ?? []).flatMap(({ passwordSecret }) =>
        ["username", "password"].map((key) => ({ secret: passwordSecret?.name ?? "", key })),
      ),
    ),
    ...[
      ...ofKind<IIngress>(objects, "Ingress").flatMap(({ spec }) =>
        (spec?.tls ?? []).map(({ secretName }) => secretName ?? ""),
      ),
      ...ofKind<IGateway>(objects, "Gateway").flatMap(({ spec }) =>
        (spec?.listeners ?? []).flatMap(({ tls }) => (tls?.certificateRefs ?? []).map(({ name }) => name)),
      ),
    ].flatMap((secret) => ["tls.crt", "tls.key"].map((key) => ({ secret, key }))),
  ];
  return [
    ...references
      .filter(({ secret, key }) => !documented.get(secret)?.has(key))
      .map(({ secret, key }) => `the key ${key} of the secret ${secret} is not documented`),
    ...objects
      .filter(({ kind }) => kind === "Secret")
      .map(({ metadata }) => `the secret ${metadata.name} is in the tree`),
    ...objects
      .filter(({ kind }) => kind === "ConfigMap")
      .flatMap(({ metadata, data = {} }) =>
        Object.keys(data)
          .filter((variable) => confidential.has(variable) && variable !== "OTEL_EXPORTER_OTLP_ENDPOINT")
          .map((variable) => `${variable} is in the ConfigMap ${metadata.name}`),
      ),
  ];
};

const confidential = new Set(
  Object.values(settingsOf).flatMap((group) =>
    Object.values(group).flatMap((setting) => (setting.confidential ? [setting.env] : [])),
  ),
);

/** Rules about what processes are told, by name. */
export const configurationPolicies = { settings, agreement, threads, secrets };
