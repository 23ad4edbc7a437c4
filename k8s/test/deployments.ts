import { type KubernetesObject, render, renderWith } from "./objects.ts";

/** What the overlay `production` adds to the services. */
export const productionComponents: readonly string[] = [
  "autoscaling-hpa",
  "ingress",
  "library-shared-volume",
  "mail",
  "monitoring",
  "otel",
  "webhooks",
];

/** Other choices of an installation; together with the overlays they contain every component. */
export const combinations: readonly (readonly string[])[] = [
  [
    "keda",
    "gateway-api",
    "monitoring",
    "otel",
    "mail",
    "oidc",
    "webhooks",
    "blobs-s3",
    "library-shared-volume",
  ],
  ["keda", "ingress", "external-postgres", "blobs-s3", "backup"],
  ["autoscaling-hpa", "gateway-api", "cnpg-pooler", "oidc", "otel", "backup"],
];

/** The overlays, each complete: stores, migrations and services. */
export async function renderOverlay(name: string): Promise<KubernetesObject[]> {
  const parts = await Promise.all([
    render(`overlays/${name}/stores`),
    render(`overlays/${name}/migrate`),
    render(`overlays/${name}`),
  ]);
  return parts.flat();
}

/** Services with components, on stores and migrations as they always are. */
export function renderServices(components: readonly string[]): Promise<KubernetesObject[]> {
  return renderWith(
    ["namespace", "migrate", "base"],
    ["cnpg", "nats", ...components].map((name) => `components/${name}`),
  );
}
