import { sql } from "kysely";
import type { CompatServiceDefinition, ServiceImplementation } from "nice-grpc";
import type { Logger } from "pino";
import { ConfigError } from "../config/settings.ts";
import { type Database, openDatabase } from "../database/database.ts";
import { type Migrations, migrate } from "../database/migrations.ts";
import type { Subscription } from "../events/bus.ts";
import { type ConsumeOptions, consumeEvents } from "../events/consumer.ts";
import { createRelay, type Relay } from "../events/outbox.ts";
import type { EventTables } from "../events/tables.ts";
import type { IdentityContext } from "../identity/server-auth.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import { createRpcServer, type RpcServer } from "../rpc/server.ts";
import type { DependencyCheck, RunningService, Runtime } from "./runtime.ts";
import type { ServiceConfig } from "./service-settings.ts";

/** Settings of {@link openService}. */
export interface ServiceHostOptions {
  /** Service name: schema, log field, outbox owner. */
  name: string;
  config: ServiceConfig;
  runtime: Runtime;
  migrations: Migrations;
}

/** Everything a service stands on: its migrated store, outbox relay, consumers and gRPC server. */
export interface ServiceHost<Tables extends EventTables> {
  readonly database: Database<Tables>;
  readonly relay: Relay;
  readonly log: Logger;
  /** Adds a consumer that starts with {@link serve}. */
  consume(options: Omit<ConsumeOptions<Tables>, "bus" | "db" | "log" | "relay" | "onHandled">): void;
  /** Adds something to release on stop, after consumers and server. */
  onStop(release: () => Promise<void> | void): void;
  /** Adds a dependency to readiness. */
  addCheck(check: DependencyCheck): void;
  /** Adds a further gRPC service to the server that starts with {@link serve}. */
  provide<Service extends CompatServiceDefinition & { fullName: string }>(
    definition: Service,
    implementation: ServiceImplementation<Service, IdentityContext>,
  ): void;
  /** Starts relay, consumers and the gRPC server. */
  serve<Service extends CompatServiceDefinition & { fullName: string }>(
    verifier: TokenVerifier,
    definition: Service,
    implementation: ServiceImplementation<Service, IdentityContext>,
  ): Promise<RunningService>;
}

/**
 * Opens a service's store and brings it to the newest schema.
 * @throws ConfigError when the database cannot be used, AppError when a migration fails.
 */
export async function openService<Tables extends EventTables>(
  options: ServiceHostOptions,
): Promise<ServiceHost<Tables>> {
  const { name, config, runtime } = options;
  const log = runtime.log.child({ service: name });
  const database = await connectStore<Tables>(name, config);
  await migrate(database, options.migrations);
  const relay = createRelay({ db: database.db, bus: runtime.bus, log, service: name });
  const consumers: Array<() => Promise<Subscription>> = [];
  const releases: Array<() => Promise<void> | void> = [];
  const provided: Array<(server: RpcServer) => void> = [];
  const checks: DependencyCheck[] = [
    { name: `${name}.database`, check: () => database.ping() },
    { name: "events", check: () => runtime.bus.ping() },
  ];

  async function serve<Service extends CompatServiceDefinition & { fullName: string }>(
    verifier: TokenVerifier,
    definition: Service,
    implementation: ServiceImplementation<Service, IdentityContext>,
  ): Promise<RunningService> {
    const server = createRpcServer({ ...config, log, metrics: runtime.metrics, verifier });
    server.add(definition, implementation);
    for (const add of provided) add(server);
    const address = await server.listen().catch((error: unknown) => {
      throw explainListening(error, name, config.port);
    });
    const subscriptions: Subscription[] = [];
    for (const start of consumers) subscriptions.push(await start());
    relay.start();
    log.debug({ address }, "serving");
    const drain = async () => void (await Promise.all(subscriptions.map((each) => each.stop())));
    return {
      name,
      address,
      checks,
      drain,
      async stop() {
        await drain();
        await server.stop(config.shutdownGraceMs);
        await relay.stop();
        for (const release of releases) await release();
        await database.close();
      },
    };
  }

  return {
    database,
    relay,
    log,
    consume: (consumer) =>
      void consumers.push(() =>
        consumeEvents({
          ...consumer,
          bus: runtime.bus,
          db: database.db,
          log,
          relay,
          onHandled: (outcome, seconds) =>
            runtime.metrics.eventSeconds.observe({ consumer: consumer.consumer, outcome }, seconds),
        }),
      ),
    onStop: (release) => void releases.push(release),
    addCheck: (check) => void checks.push(check),
    provide: (definition, implementation) =>
      void provided.push((server) => server.add(definition, implementation)),
    serve,
  };
}

async function connectStore<Tables>(name: string, config: ServiceConfig): Promise<Database<Tables>> {
  const own = `DATABASE_URL_${name.toUpperCase()}`;
  const url = config.databaseUrl ?? config.sharedDatabaseUrl;
  if (!url) throw new ConfigError([`${own} or DATABASE_URL is required to run ${name} alone`]);
  const database = openDatabase<Tables>({ url, schema: name });
  try {
    await sql`select 1`.execute(database.db);
    return database;
  } catch (error) {
    await database.close();
    const variable = config.databaseUrl ? own : "DATABASE_URL";
    throw new ConfigError([`${variable}: the database cannot be used (${reasonOf(error)})`]);
  }
}

/** A connection that several addresses refused is an error without a message, but with a code. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}

function explainListening(error: unknown, name: string, port: number): unknown {
  // The gRPC server tells its reasons only in the text.
  if (!/EADDRINUSE/.test(String(error))) return error;
  const variable = `${name.toUpperCase()}_PORT`;
  return new ConfigError([`${variable}: ${port} is in use; choose another port or stop what uses it`]);
}
