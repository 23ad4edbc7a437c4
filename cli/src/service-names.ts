import { StartupError } from "./startup-error.ts";

/** Everything `ocelli serve` can run. */
export const serviceNames = ["gateway", "auth", "library", "captioning", "face", "scene", "search"] as const;

/** One of {@link serviceNames}. */
export type ServiceName = (typeof serviceNames)[number];

/**
 * The service of a name.
 * @throws StartupError listing those that exist.
 */
export function findService(name: string): ServiceName {
  const service = serviceNames.find((each) => each === name);
  if (service) return service;
  throw new StartupError(`unknown service ${JSON.stringify(name)}; one of ${serviceNames.join(", ")}`);
}
