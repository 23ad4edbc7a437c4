import { randomBytes } from "node:crypto";
import {
  createNatsServer,
  freePort,
  type NativePostgres,
  type NatsServer,
  startNativePostgres,
} from "@ocelli/testkit";
import { type OcelliProcess, startOcelli, temporaryFolder } from "./ocelli-process.ts";

/** Services in the order in which they start; the gateway is last. */
export const meshServices = ["auth", "library", "face", "scene", "captioning", "search"] as const;

/** One process of a mesh. */
export type MeshProcess = (typeof meshServices)[number] | "gateway";

/** Every service in a process of its own, on real NATS and Postgres. */
export interface Mesh {
  /** Base URL of the gateway. */
  readonly url: string;
  /** `host:port` of a service's gRPC server, the same after a restart. */
  address(service: (typeof meshServices)[number]): string;
  /** A running process. */
  process(name: MeshProcess): OcelliProcess;
  /** Starts one more gateway; `dispose` ends it. */
  addGateway(): Promise<OcelliProcess>;
  /** Starts a process that ended again, with the settings it had. */
  restart(name: MeshProcess): Promise<void>;
  /** The NATS that all of them meet on. */
  readonly nats: NatsServer;
  /** The Postgres of all but search. */
  readonly postgres: NativePostgres;
  /** Folder of what the services keep outside of Postgres; search has its database in there. */
  readonly dataFolder: string;
  /** Folder of the library's originals and renditions. */
  readonly libraryFolder: string;
  /** Address of a service's database; search keeps its own to itself. */
  databaseUrl(service: Exclude<(typeof meshServices)[number], "search">): string;
  /** Ends every process with SIGTERM and resolves with their exit codes by name. */
  stop(): Promise<Record<string, number | null>>;
  /** Removes what {@link Mesh.stop} leaves: NATS, Postgres, processes that hang. */
  dispose(): Promise<void>;
}

/** Where a mesh keeps what it stores, and what is particular to some of its processes. */
export interface MeshOptions {
  /** Folders on disks of their own, for what must be able to run full; temporary ones when absent. */
  disks?: { nats?: string | undefined; postgres?: string | undefined; library?: string | undefined };
  /** Settings of one process, over those of all. */
  envOf?(name: MeshProcess): NodeJS.ProcessEnv;
}

/** Starts the whole mesh. Search needs pgvector, which this Postgres lacks: it keeps an embedded database of its own. `env` is for every process. */
export async function startMesh(env: NodeJS.ProcessEnv = {}, options: MeshOptions = {}): Promise<Mesh> {
  const { disks = {}, envOf = () => ({}) } = options;
  const nats = await createNatsServer(disks.nats === undefined ? {} : { parent: disks.nats });
  await nats.start();
  const postgres = await startNativePostgres(disks.postgres === undefined ? {} : { parent: disks.postgres });
  const running = new Map<MeshProcess, OcelliProcess>();
  const addresses = new Map<string, string>();
  for (const name of meshServices) addresses.set(name, `127.0.0.1:${await freePort()}`);
  const environments = await meshEnvironments(nats, postgres, addresses);
  if (disks.library !== undefined) environments.library.LIBRARY_DATA = disks.library;
  const start = async (name: MeshProcess) => {
    running.set(name, await startOcelli(["serve", name], { ...environments[name], ...env, ...envOf(name) }));
  };
  const process = (name: MeshProcess) => required(running.get(name), name);
  const further: OcelliProcess[] = [];
  const dispose = async () => {
    for (const each of [...running.values(), ...further]) await each.end("SIGKILL");
    await nats.dispose();
    await postgres.stop();
  };
  try {
    // Two at a time: starting seven at once on two cores takes no less time, and hides which one is slow.
    for (let index = 0; index < meshServices.length; index += 2)
      await Promise.all(meshServices.slice(index, index + 2).map(start));
    await start("gateway");
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url: process("gateway").address,
    address: (service) => required(addresses.get(service), service),
    process,
    async addGateway() {
      const gateway = await startOcelli(["serve", "gateway"], { ...environments.gateway, ...env });
      further.push(gateway);
      return gateway;
    },
    restart: start,
    nats,
    postgres,
    dataFolder: required(environments.gateway.OCELLI_DATA, "OCELLI_DATA"),
    libraryFolder: required(environments.library.LIBRARY_DATA, "LIBRARY_DATA"),
    databaseUrl: (service) =>
      required(environments[service][`DATABASE_URL_${service.toUpperCase()}`], service),
    async stop() {
      const codes: Record<string, number | null> = {};
      // Callers before the services they call.
      for (const name of [...running.keys()].reverse()) codes[name] = await process(name).end("SIGTERM");
      return codes;
    },
    dispose,
  };
}

async function meshEnvironments(
  nats: NatsServer,
  postgres: NativePostgres,
  addresses: ReadonlyMap<string, string>,
): Promise<Record<MeshProcess, NodeJS.ProcessEnv>> {
  const callers: string[] = [...meshServices.filter((name) => name !== "auth"), "gateway"];
  const secrets = new Map(callers.map((name) => [name, randomBytes(32).toString("hex")]));
  const shared = {
    NATS_URL: nats.url,
    // What a killed process had in hand is taken up by its successor soon enough for a test.
    NATS_ACK_WAIT: "5s",
    OCELLI_DATA: temporaryFolder(),
    // Four processes run models on the same cores.
    OCELLI_WORKERS: "1",
    OCELLI_WORKER_THREADS: "1",
    ...Object.fromEntries([...addresses].map(([name, address]) => [`${name.toUpperCase()}_ADDR`, address])),
  };
  const environment = async (name: (typeof meshServices)[number]): Promise<NodeJS.ProcessEnv> => {
    const prefix = name.toUpperCase();
    const secret = secrets.get(name);
    return {
      ...shared,
      [`${prefix}_PORT`]: addresses.get(name)?.split(":")[1],
      ...(secret ? { [`${prefix}_SERVICE_SECRET`]: secret } : {}),
      ...(name === "search" ? {} : { [`DATABASE_URL_${prefix}`]: await postgres.createDatabase(name) }),
    };
  };
  return {
    gateway: { ...shared, GATEWAY_SERVICE_SECRET: required(secrets.get("gateway"), "gateway") },
    auth: {
      ...(await environment("auth")),
      SERVICE_ACCOUNTS: [...secrets].map(([name, secret]) => `${name}:${secret}`).join(","),
    },
    library: { ...(await environment("library")), LIBRARY_DATA: temporaryFolder() },
    captioning: await environment("captioning"),
    face: await environment("face"),
    scene: await environment("scene"),
    search: await environment("search"),
  };
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} is not part of this mesh`);
  return value;
}
