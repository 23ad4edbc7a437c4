import { createServer } from "node:net";
import { authV1 as auth, type authV1 } from "@ocelli/contracts";
import { ownService, unimplemented, userIdentity } from "@ocelli/testkit";
import {
  anonymous,
  createLogger,
  createMetrics,
  createRpcClient,
  createRpcServer,
  type IdentityContext,
  type RpcClientHandle,
  type RpcClientOptions,
  type RpcServer,
  type ServiceIdentity,
  type TokenVerifier,
  unauthenticated,
} from "../src/index.ts";

/** Handlers of the service under test; what a test does not give is not expected to be called. */
export type Handlers = Partial<authV1.AuthServiceImplementation<IdentityContext>>;

/** A server on a real socket with a client. */
export interface TestRpc {
  address: string;
  server: RpcServer;
  client: RpcClientHandle<typeof auth.AuthServiceDefinition>["client"];
  logLines: string[];
  metrics: ReturnType<typeof createMetrics>;
  stop(graceMs?: number): Promise<void>;
}

export const userId = "01999999-0000-7000-8000-000000000001";
export const otherUserId = "01999999-0000-7000-8000-000000000002";

const account: ServiceIdentity = {
  kind: "service",
  service: "importer",
  internal: false,
  scopes: new Set(["profile"]),
  userId: undefined,
  grantId: otherUserId,
};

/**
 * Knows the tokens `user`, `service` (Ocelli's own), and of stored service accounts `account` and `account-of-user`,
 * which acts for one user only.
 */
export const verifier: TokenVerifier = {
  async verify(token) {
    if (token === "user") return userIdentity(userId);
    if (token === "service") return ownService("face");
    if (token === "account") return account;
    if (token === "account-of-user") return { ...account, onlyUserId: userId };
    throw unauthenticated("INVALID_TOKEN", "The access token is not valid.");
  },
};

/** Starts a server with some handlers of the auth service, the only contract with every kind of unary call. */
export async function startRpc(
  handlers: Handlers,
  options: { port?: number; client?: Partial<RpcClientOptions> } = {},
): Promise<TestRpc> {
  const logLines: string[] = [];
  const destination = { write: (line: string) => void logLines.push(line) };
  const log = createLogger({ level: "debug", format: "json", destination });
  const metrics = createMetrics();
  const server = createRpcServer({ host: "127.0.0.1", port: options.port ?? 0, log, metrics, verifier });
  server.add(auth.AuthServiceDefinition, {
    ...unimplemented(auth.AuthServiceDefinition),
    ...handlers,
  });
  const address = await server.listen();
  const { client, close } = createRpcClient(auth.AuthServiceDefinition, { address, ...options.client });
  return {
    address,
    server,
    client,
    logLines,
    metrics,
    async stop(graceMs = 1_000) {
      close();
      await server.stop(graceMs);
    },
  };
}

/** A port nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Answers who calls, as `kind:user`. */
export function whoAmI(context: IdentityContext): { jwksJson: string } {
  const { identity } = context;
  return {
    jwksJson:
      identity === anonymous ? "anonymous" : `${identity.kind}:${"userId" in identity && identity.userId}`,
  };
}
