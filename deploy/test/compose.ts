import { parse } from "yaml";
import { z } from "zod";

const mount = z.string();
const service = z.looseObject({
  image: z.string(),
  build: z
    .looseObject({ context: z.string(), target: z.string(), args: z.record(z.string(), z.string()) })
    .optional(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(mount).default([]),
  tmpfs: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()).default([]),
  profiles: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  user: z.string().optional(),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  privileged: z.boolean().default(false),
  security_opt: z.array(z.string()).default([]),
  restart: z.string().optional(),
  mem_limit: z.string().optional(),
  pids_limit: z.number().optional(),
  command: z.array(z.string()).optional(),
});
const composeFile = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()).default({}),
  networks: z.record(z.string(), z.unknown()).default({}),
  secrets: z.record(z.string(), z.object({ file: z.string() })).default({}),
});

/** A service of docker-compose.yml. */
export type ComposeService = z.infer<typeof service>;
/** What of docker-compose.yml the tests look at. */
export type ComposeFile = z.infer<typeof composeFile>;

/** Content of a Compose file with anchors and variables in place, as Compose itself would see it. */
export function readCompose(content: string, env: NodeJS.ProcessEnv = {}): unknown {
  return interpolate(parse(content, { merge: true, maxAliasCount: 1000 }), env);
}

/**
 * The same, typed.
 * @throws ZodError for a key that is written in another of the ways Compose allows.
 */
export function parseCompose(content: string, env: NodeJS.ProcessEnv = {}): ComposeFile {
  return composeFile.parse(readCompose(content, env));
}

/** Puts `${NAME}`, `${NAME:-default}` and `${NAME:+text}` in place in every text. */
function interpolate(value: unknown, env: NodeJS.ProcessEnv): unknown {
  if (typeof value === "string")
    return value.replace(/\$\{(\w+)(?::([-+])([^}]*))?\}/g, (_, name: string, kind?: string, text = "") => {
      if (kind === "-") return env[name] || text;
      if (kind === "+") return env[name] ? text : "";
      return env[name] ?? "";
    });
  if (Array.isArray(value)) return value.map((each) => interpolate(each, env));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, interpolate(each, env)]));
}
