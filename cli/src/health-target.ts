import { loadSettings, setting } from "@ocelli/chassis/config/settings";
import { grpcAddress, integer, text } from "@ocelli/chassis/config/types";
import type { ServiceName } from "./service-names.ts";
import { StartupError } from "./startup-error.ts";

/**
 * Ports that services listen on when nobody chose one. Written out, for their own settings load all of their code, which
 * is too much for a check that runs every few seconds; a test compares them.
 */
export const defaultPorts: Readonly<Record<ServiceName, number>> = {
  gateway: 8080,
  auth: 7001,
  library: 7002,
  captioning: 7003,
  face: 7004,
  scene: 7005,
  search: 7006,
};

/**
 * `host:port` at which a service answers on this machine, from the settings it is run with.
 * @throws ConfigError naming a wrong setting, StartupError when the port is one that the service picks itself.
 */
export function findHealthTarget(service: ServiceName, env: NodeJS.ProcessEnv): string {
  const prefix = service === "gateway" ? "" : `${service.toUpperCase()}_`;
  const { host, port } = loadSettings(
    {
      host: setting(`${prefix}HOST`, text(255), { default: "127.0.0.1", doc: "Address it listens on." }),
      port: setting(`${prefix}PORT`, integer(0, 65_535), {
        default: defaultPorts[service],
        doc: "Port it listens on.",
      }),
    },
    env,
  );
  if (port === 0)
    throw new StartupError(`${prefix}PORT is 0, so ${service} picks a port itself; give it with --address`);
  return `${reachable(host)}:${port}`;
}

/**
 * Checks an address that was given.
 * @throws StartupError when it is not `host:port`.
 */
export function parseHealthAddress(address: string): string {
  const parsed = grpcAddress.safeParse(address);
  if (parsed.success) return parsed.data;
  throw new StartupError(`--address ${parsed.error.issues.map(({ message }) => message).join(", ")}`);
}

/** Who listens everywhere is reached on this machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
