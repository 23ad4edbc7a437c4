import { loadSettings, processSettings, type Settings } from "@ocelli/chassis";
import { engineSettings } from "../../cli/src/config.ts";
import { settings as gateway } from "../../gateway/src/config.ts";
import { settings as auth } from "../../services/auth/src/config.ts";
import { settings as captioning } from "../../services/captioning/src/config.ts";
import { settings as face } from "../../services/face/src/config.ts";
import { settings as library } from "../../services/library/src/config.ts";
import { settings as scene } from "../../services/scene/src/config.ts";
import { settings as search } from "../../services/search/src/config.ts";

/** Services of the mesh by name, with every setting that their process reads. */
export const settingsOf: Readonly<Record<string, Settings>> = {
  gateway: { ...processSettings, ...gateway },
  auth: { ...processSettings, ...auth },
  library: { ...processSettings, ...library },
  captioning: { ...processSettings, ...engineSettings, ...captioning },
  face: { ...processSettings, ...engineSettings, ...face },
  scene: { ...processSettings, ...engineSettings, ...scene },
  search: { ...processSettings, ...engineSettings, ...search },
};

/** Names of the services with a store of their own. */
export const storeNames = Object.keys(settingsOf).filter((name) => databaseVariable(name) !== undefined);

/** The services a service calls over gRPC: whatever it has an address setting for. */
export function callsOf(service: string): string[] {
  const names = variablesOf(service).flatMap(
    (name) => /^([A-Z]+)_ADDR$/.exec(name)?.[1]?.toLowerCase() ?? [],
  );
  const unknown = names.find((name) => settingsOf[name] === undefined);
  if (unknown) throw new Error(`${service} has an address of ${unknown}, which is no service`);
  return names;
}

/** Every environment variable that the process of a service reads. */
export function variablesOf(service: string): string[] {
  return Object.values(settingsOf[service] ?? {}).map(({ env }) => env);
}

/** What is wrong with an environment by the service's own schemas. */
export function settingProblems(service: string, env: NodeJS.ProcessEnv): string[] {
  try {
    loadSettings(settingsOf[service] ?? {}, env);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** A value that the named variable takes, standing for what a secret holds. */
export function placeholderOf(variable: string): string {
  if (variable.startsWith("DATABASE_URL")) return "postgresql://name:secret@host:5432/name";
  if (variable === "NATS_URL") return "nats://name:secret@host:4222";
  if (variable === "SMTP_URL") return "smtp://name:secret@host:587";
  if (variable === "SERVICE_ACCOUNTS") return `library:${"x".repeat(32)}`;
  return "x".repeat(32);
}

function databaseVariable(service: string): string | undefined {
  return variablesOf(service).find((name) => name === `DATABASE_URL_${service.toUpperCase()}`);
}
