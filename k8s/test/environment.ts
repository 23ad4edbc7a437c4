import type { IContainer } from "kubernetes-models/v1/Container";
import type { KubernetesObject } from "./objects.ts";
import { placeholderOf } from "./settings.ts";

/** The environment of a container, and what of it cannot be. */
export interface Environment {
  values: Record<string, string>;
  /** Secret and key of each variable that has one. */
  secrets: { variable: string; secret: string; key: string }[];
  problems: string[];
}

/** What a container finds in its environment; secrets are stood in for by values of their form. */
export function environmentOf(container: IContainer, objects: readonly KubernetesObject[]): Environment {
  const result: Environment = { values: {}, secrets: [], problems: [] };
  function set(name: string, value: string): void {
    if (name in result.values) result.problems.push(`${name} is set twice`);
    result.values[name] = value;
  }
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (secretRef)
      result.problems.push(`all of the secret ${secretRef.name} is in the environment; name its keys`);
    if (!configMapRef) continue;
    const map = objects.find(
      ({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMapRef.name,
    );
    if (!map) result.problems.push(`the ConfigMap ${configMapRef.name} does not exist`);
    for (const [name, value] of Object.entries(map?.data ?? {})) set(name, value);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const key = valueFrom?.secretKeyRef;
    if (key) {
      set(name, placeholderOf(name));
      result.secrets.push({ variable: name, secret: key.name ?? "", key: key.key });
    } else if (value !== undefined) set(name, value);
    else result.problems.push(`${name} comes from something that is not checked`);
  }
  return result;
}
