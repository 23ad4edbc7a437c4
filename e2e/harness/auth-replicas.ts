import { randomBytes } from "node:crypto";
import { createRpcClient, type RpcClient } from "@ocelli/chassis";
import { authV1, libraryV1 } from "@ocelli/contracts";
import { createNatsServer, startNativePostgres } from "@ocelli/testkit";
import { type OcelliProcess, startOcelli, temporaryFolder } from "./ocelli-process.ts";

/** One replica of the auth service. */
export interface AuthReplica {
  readonly process: OcelliProcess;
  readonly auth: RpcClient<typeof authV1.AuthServiceDefinition>;
  readonly twoFactor: RpcClient<typeof authV1.TwoFactorServiceDefinition>;
  readonly apiKeys: RpcClient<typeof authV1.ApiKeyServiceDefinition>;
}

/** Two replicas of auth on one Postgres; library and gateway know the first alone. */
export interface AuthReplicas {
  readonly first: AuthReplica;
  readonly second: AuthReplica;
  readonly library: RpcClient<typeof libraryV1.LibraryServiceDefinition>;
  readonly gateway: OcelliProcess;
  /** Postgres of auth. */
  readonly databaseUrl: string;
  dispose(): Promise<void>;
}

const callers = ["library", "gateway"] as const;

/** Starts both, each in a process of its own, with the same settings. */
export async function startAuthReplicas(env: NodeJS.ProcessEnv): Promise<AuthReplicas> {
  const nats = await createNatsServer();
  await nats.start();
  const postgres = await startNativePostgres();
  const disposals: Array<() => unknown> = [() => nats.dispose(), () => postgres.stop()];
  const dispose = async () => {
    for (const release of disposals.splice(0).reverse()) await release();
  };
  const secrets = callers.map((name) => [name, randomBytes(32).toString("hex")] as const);
  const databaseUrl = await postgres.createDatabase("auth");

  async function start(service: string, own: NodeJS.ProcessEnv): Promise<OcelliProcess> {
    const started = await startOcelli(["serve", service], {
      NATS_URL: nats.url,
      OCELLI_DATA: temporaryFolder(),
      ...own,
    });
    disposals.push(() => started.end("SIGKILL"));
    return started;
  }

  async function startReplica(): Promise<AuthReplica> {
    const process = await start("auth", {
      AUTH_PORT: "0",
      DATABASE_URL_AUTH: databaseUrl,
      SERVICE_ACCOUNTS: secrets.map(([name, secret]) => `${name}:${secret}`).join(","),
      ...env,
    });
    const { address } = process;
    const auth = createRpcClient(authV1.AuthServiceDefinition, { address });
    const twoFactor = createRpcClient(authV1.TwoFactorServiceDefinition, { address });
    const apiKeys = createRpcClient(authV1.ApiKeyServiceDefinition, { address });
    for (const each of [auth, twoFactor, apiKeys]) disposals.push(() => each.close());
    return { process, auth: auth.client, twoFactor: twoFactor.client, apiKeys: apiKeys.client };
  }

  try {
    // At once, on an empty database: migrations and the first signing key are made once all the same.
    const [first, second] = await Promise.all([startReplica(), startReplica()]);
    const known = {
      AUTH_ADDR: first.process.address,
      ...Object.fromEntries(
        secrets.map(([name, secret]) => [`${name.toUpperCase()}_SERVICE_SECRET`, secret]),
      ),
    };
    const libraryProcess = await start("library", {
      ...known,
      LIBRARY_PORT: "0",
      LIBRARY_DATA: temporaryFolder(),
      DATABASE_URL_LIBRARY: await postgres.createDatabase("library"),
    });
    const library = createRpcClient(libraryV1.LibraryServiceDefinition, { address: libraryProcess.address });
    disposals.push(() => library.close());
    const gateway = await start("gateway", {
      ...known,
      LIBRARY_ADDR: libraryProcess.address,
      RATE_LIMIT_AUTH: "off",
    });
    return { first, second, library: library.client, gateway, databaseUrl, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
