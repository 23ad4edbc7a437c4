import { existsSync } from "node:fs";
import { join } from "node:path";
import { serviceNames } from "../../cli/src/service-names.ts";
import type { ComposeFile, ComposeService } from "./compose.ts";
import { knownVariables } from "./known-settings.ts";
import { repository } from "./repository.ts";

/** One rule that docker-compose.yml is held to: it answers with what breaks it. */
export type ComposeRule = (
  file: ComposeFile,
  targets: Readonly<Record<string, { healthcheck: boolean }>>,
) => string[];

/** Images that have neither a shell nor a command that asks for their health, and what ends when it is done. */
const withoutHealthcheck = ["otel-collector", "jaeger", "backup"];

/** Rules by name. */
export const composeRules: Readonly<Record<string, ComposeRule>> = {
  "has every service of Ocelli": ({ services }) =>
    [...serviceNames, "single", "backup"].filter((name) => !services[name]),
  "starts the services without a profile, and nothing else but what they need": ({ services }) => {
    const always = Object.keys(services).filter((name) => services[name]?.profiles.length === 0);
    return difference(always, [...serviceNames, "postgres", "nats"]);
  },
  "pins every image": each(({ image }) => !/:v?\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$/.test(image)),
  "builds targets that exist, with the digest of their base": (file, targets) =>
    each(({ build }) => build !== undefined && (!targets[build.target] || !("NODE_DIGEST" in build.args)))(
      file,
      targets,
    ),
  "writes nowhere but in its volumes": each(({ read_only }) => !read_only),
  "has no rights that root would have": each(
    ({ cap_drop, cap_add, privileged, security_opt }) =>
      cap_drop.join() !== "ALL" ||
      cap_add.length > 0 ||
      privileged ||
      !security_opt.includes("no-new-privileges:true"),
  ),
  "is bounded": each(({ mem_limit, pids_limit }) => !mem_limit || !pids_limit),
  "comes back after a crash": each(
    ({ restart }, name) => restart !== (name === "backup" ? "no" : "unless-stopped"),
  ),
  "is not root where it is ours to say": each(
    ({ user, build }, name) => !build && !withRoot.includes(name) && !/^[1-9]\d*(:\d+)?$/.test(user ?? ""),
  ),
  "waits only for what exists, in the way that it can answer": (file, targets) =>
    entries(file).flatMap(([name, { depends_on }]) =>
      Object.entries(depends_on)
        .filter(([other, { condition }]) => {
          const target = file.services[other];
          if (!target) return true;
          return condition === "service_healthy"
            ? !isChecked(target, targets)
            : !withoutHealthcheck.includes(other);
        })
        .map(([other]) => `${name} -> ${other}`),
    ),
  "waits in no circle": ({ services }) =>
    Object.keys(services).filter((name) => reachable(services, name, new Set()).has(name)),
  "waits for whom it calls": (file) =>
    entries(file).flatMap(([name, { environment, depends_on }]) =>
      Object.values(environment)
        .flatMap((value) => /^([a-z-]+):\d+$/.exec(String(value))?.[1] ?? [])
        .filter((other) => !depends_on[other])
        .map((other) => `${name} -> ${other}`),
    ),
  "calls nobody but by the right port": (file) => {
    const ports = {
      gateway: 8080,
      auth: 7001,
      library: 7002,
      captioning: 7003,
      face: 7004,
      scene: 7005,
      search: 7006,
    };
    const known = new Set(Object.entries(ports).map(([name, port]) => `${name}:${port}`));
    return entries(file).flatMap(([, { environment }]) =>
      Object.entries(environment)
        .filter(
          ([key, value]) => key.endsWith("_ADDR") && (!known.has(String(value)) || !sameName(key, value)),
        )
        .map(([key]) => key),
    );
  },
  "says whether it is healthy": (file, targets) =>
    entries(file)
      .filter(([name, service]) => !isChecked(service, targets) && !withoutHealthcheck.includes(name))
      .map(([name]) => name),
  "sets only what is read": (file) =>
    entries(file).flatMap(([name, { environment, build }]) => {
      const service = name === "single" ? "all" : serviceNames.find((known) => known === name);
      if (!build || !service) return [];
      const known = knownVariables(service);
      return Object.keys(environment)
        .filter((variable) => !known.has(variable))
        .map((variable) => `${name}: ${variable}`);
    }),
  "keeps secrets in files": (file) =>
    entries(file).flatMap(([name, { environment }]) =>
      Object.entries(environment)
        .filter(([key, value]) => {
          const secret =
            /SECRET|PASSWORD|TOKEN|ACCOUNTS|DATABASE_URL|NATS_URL/.test(key) && !key.endsWith("_FILE");
          return secret || /:\/\/[^/]*:[^/]*@/.test(String(value));
        })
        .map(([key]) => `${name}: ${key}`),
    ),
  "mounts the secrets it reads, and no others": (file) =>
    entries(file).flatMap(([name, { environment, secrets, volumes }]) => {
      const files = Object.values(environment)
        .map(String)
        .filter((value) => value.startsWith("/run/secrets/"));
      // What scripts and configuration files read is named by them.
      if (
        volumes.some((volume) => volume.startsWith("./deploy/postgres") || volume.startsWith("./deploy/nats"))
      )
        return [];
      return difference(
        files.map((path) => path.replace("/run/secrets/", "")),
        secrets,
      ).map((each) => `${name}: ${each}`);
    }),
  "declares its secrets": (file) =>
    difference(Object.keys(file.secrets), [...new Set(entries(file).flatMap(([, { secrets }]) => secrets))]),
  "declares its volumes": (file) =>
    difference(
      Object.keys(file.volumes),
      entries(file)
        .flatMap(([, { volumes }]) => volumes.map((volume) => volume.split(":")[0] ?? ""))
        .filter((source) => !source.startsWith(".")),
    ),
  "declares its networks": (file) =>
    difference(Object.keys(file.networks), [
      ...new Set(entries(file).flatMap(([, { networks }]) => networks)),
    ]),
  "keeps the stores away from the outside": ({ services, networks }) => {
    const inside = Object.entries(networks).flatMap(([name, options]) =>
      typeof options === "object" && options !== null && "internal" in options && options.internal === true
        ? [name]
        : [],
    );
    return ["postgres", "nats"].filter(
      (name) =>
        services[name]?.networks.some((network) => !inside.includes(network)) || services[name]?.ports.length,
    );
  },
  "mounts files that exist, to read only": (file) =>
    entries(file)
      .flatMap(([, { volumes }]) => volumes)
      .filter((volume) => volume.startsWith("."))
      .filter((volume) => {
        const [source = "", , mode] = volume.split(":");
        return mode !== "ro" || !existsSync(join(repository, source));
      }),
  "publishes the gateway, and pages for this machine": (file) =>
    entries(file)
      .flatMap(([name, { ports }]) => ports.map((port) => `${name} ${port}`))
      .filter((port) => !/^\S+ 127\.0\.0\.1:\d+:\d+$/.test(port)),
  "publishes no port twice": (file) => {
    const ports = entries(file).flatMap(([, service]) => service.ports.map((port) => port.split(":").at(-2)));
    return ports.filter((port, index) => ports.indexOf(port) !== index).map(String);
  },
};

/** NATS owns its volume as root, with no right that root has elsewhere; the collector's image has a user of its own. */
const withRoot = ["nats", "otel-collector"];

function each(isBad: (service: ComposeService, name: string) => boolean): ComposeRule {
  return (file) =>
    entries(file)
      .filter(([name, service]) => isBad(service, name))
      .map(([name]) => name);
}

function entries({ services }: ComposeFile): [string, ComposeService][] {
  return Object.entries(services);
}

/** By its own health check, or by that of its image. */
function isChecked(
  { healthcheck, build }: ComposeService,
  targets: Readonly<Record<string, { healthcheck: boolean }>>,
): boolean {
  if (healthcheck) return healthcheck.test[0] === "CMD" && healthcheck.test.length > 1;
  return build !== undefined && targets[build.target]?.healthcheck === true;
}

function reachable(services: ComposeFile["services"], name: string, seen: Set<string>): Set<string> {
  for (const other of Object.keys(services[name]?.depends_on ?? {})) {
    if (seen.has(other)) continue;
    seen.add(other);
    reachable(services, other, seen);
  }
  return seen;
}

function sameName(key: string, value: string | number): boolean {
  return String(value).startsWith(`${key.replace("_ADDR", "").toLowerCase()}:`);
}

/** What is in one list only. */
function difference(a: readonly string[], b: readonly string[]): string[] {
  return [...a.filter((each) => !b.includes(each)), ...b.filter((each) => !a.includes(each))];
}
