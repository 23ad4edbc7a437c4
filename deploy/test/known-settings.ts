import { settings as processSettings } from "../../cli/src/config.ts";
import type { ServiceName } from "../../cli/src/service-names.ts";
import { settings as gateway } from "../../gateway/src/config.ts";
import type { Settings } from "../../packages/chassis/src/index.ts";
import { settings as auth } from "../../services/auth/src/config.ts";
import { settings as captioning } from "../../services/captioning/src/config.ts";
import { settings as face } from "../../services/face/src/config.ts";
import { settings as library } from "../../services/library/src/config.ts";
import { settings as scene } from "../../services/scene/src/config.ts";
import { settings as search } from "../../services/search/src/config.ts";

const own: Record<ServiceName, Settings> = { gateway, auth, library, captioning, face, scene, search };

/** Groups of settings that `ocelli serve NAME` reads; those of `ocelli up` for `all`. */
export function settingGroups(name: ServiceName | "all"): Settings[] {
  return name === "all" ? [processSettings, ...Object.values(own)] : [processSettings, own[name]];
}

/** What images set for Node and the C library, not for Ocelli. */
const otherVariables = ["NODE_ENV", "NODE_COMPILE_CACHE", "MALLOC_ARENA_MAX"];

/** Variables that a service reads, `_FILE` ones included. */
export function knownVariables(name: ServiceName | "all"): Set<string> {
  const settings = settingGroups(name).flatMap((group) => Object.values(group));
  const files = settings.filter(({ confidential }) => confidential).map(({ env }) => `${env}_FILE`);
  return new Set([...settings.map(({ env }) => env), ...files, ...otherVariables]);
}
