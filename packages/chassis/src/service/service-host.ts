import { sql } from "kysely";
import type { CompatServiceDefinition, ServiceImplementation } from "nice-grpc";
import type { Logger } from "pino";
import { ConfigError } from "../config/settings.ts";
import { type Database, openDatabase } from "../database/database.ts";
import { measureQueries, samplePool } from "../database/database-metrics.ts";
import { type Migrations, migrate, requireCurrentSchema } from "../database/migrations.ts";
import { describeFailure } from "../errors/describe-failure.ts";
import type { Subscription } from "../events/bus.ts";
import { type ConsumeOptions, consumeEvents } from "../events/consumer.ts";
import { measureDeliveries } from "../events/delivery-metrics.ts";
import { createRelay, type Relay } from "../events/outbox.ts";
import { sampleEventStore } from "../events/store-gauges.ts";
import type { EventTables } from "../events/tables.ts";
import type { IdentityContext } from "../identity/server-auth.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import { createRpcServer, type RpcServer } from "../rpc/server.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createEnding } from "./ending.ts";
import { type HealthMonitor, watchHealth } from "./health-monitor.ts";
import type { DependencyCheck, RunningService, Runtime } from "./runtime.ts";
import type { ServiceConfig } from "./service-settings.ts";

/** What the event bus is called among the dependencies, and in gRPC health. */
const eventsName = "events";

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
  consume(options: Omit<ConsumeOptions<Tables>, "bus" | "db" | "log" | "relay" | "observer">): void;
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
 * Opens a service's store and brings it to the newest schema, or only makes sure that it is there (MIGRATE_ON_START).
 * @throws ConfigError when the database cannot be used or its schema is not what this code knows, AppError when a
 * migration fails.
 */
export async function openService<Tables extends EventTables>(
  options: ServiceHostOptions,
): Promise<ServiceHost<Tables>> {
  const { name, config, runtime } = options;
  const log = runtime.log.child({ service: name });
  const database = await connectStore<Tables>(name, config, runtime.metrics);
  await bringUpToDate(database, config.migrateOnStart, options.migrations);
  const { metrics } = runtime;
  const onPublished = (outcome: "ok" | "error") => metrics.outboxPublished.inc({ store: name, outcome });
  const relay = createRelay({ db: database.db, bus: runtime.bus, log, service: name, onPublished });
  const consumers: Array<() => Promise<Subscription>> = [];
  const consumerNames: string[] = [];
  const releases: Array<() => Promise<void> | void> = [];
  const provided: Array<(server: RpcServer) => void> = [];
  const checks: DependencyCheck[] = [
    { name: `${name}.database`, check: () => database.ping() },
    { name: eventsName, check: () => runtime.bus.ping() },
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
    const store = { db: database.db, schema: name, consumers: () => consumerNames, metrics };
    const samples = [samplePool(metrics, name, database), sampleEventStore(store)].map(metrics.onScrape);
    log.debug({ address }, "serving");
    const health = watchOwnHealth(server, checks, log);
    const ending = createEnding(config, server, () => Promise.all(subscriptions.map((each) => each.stop())));
    return {
      name,
      address,
      checks,
      announceStop: ending.announce,
      drain: ending.drain,
      async stop() {
        for (const end of samples) end();
        health.stop();
        await ending.noticed();
        await ending.drain();
        await server.stop(ending.graceLeftMs());
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
    consume(consumer) {
      const observer = measureDeliveries(metrics, consumer.consumer);
      consumerNames.push(consumer.consumer);
      consumers.push(() =>
        consumeEvents({ ...consumer, bus: runtime.bus, db: database.db, log, relay, observer }),
      );
    },
    onStop: (release) => void releases.push(release),
    addCheck: (check) => void checks.push(check),
    provide: (definition, implementation) =>
      void provided.push((server) => server.add(definition, implementation)),
    serve,
  };
}

/**
 * What a service needs to answer calls decides whether it is SERVING. Without the event bus it answers them all the same,
 * and results wait in its outbox: that has a name of its own.
 */
function watchOwnHealth(server: RpcServer, checks: readonly DependencyCheck[], log: Logger): HealthMonitor {
  const isEvents = ({ name }: DependencyCheck) => name === eventsName;
  server.setServing(true, eventsName);
  const monitors = [
    watchHealth({
      checks: checks.filter((each) => !isEvents(each)),
      onChange: (healthy) => server.setServing(healthy),
      log,
    }),
    watchHealth({
      checks: checks.filter(isEvents),
      onChange: (healthy) => server.setServing(healthy, eventsName),
      log,
    }),
  ];
  return { stop: () => monitors.forEach((each) => void each.stop()) };
}

async function bringUpToDate<Tables>(
  database: Database<Tables>,
  mayMigrate: boolean,
  migrations: Migrations,
): Promise<void> {
  try {
    if (mayMigrate) await migrate(database, migrations);
    else await requireCurrentSchema(database, migrations);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function connectStore<Tables>(
  name: string,
  config: ServiceConfig,
  metrics: Metrics,
): Promise<Database<Tables>> {
  const own = `DATABASE_URL_${name.toUpperCase()}`;
  const url = config.databaseUrl ?? config.sharedDatabaseUrl;
  if (!url) throw new ConfigError([`${own} or DATABASE_URL is required to run ${name} alone`]);
  const database = openDatabase<Tables>({ url, schema: name, onQuery: measureQueries(metrics, name) });
  try {
    await sql`select 1`.execute(database.db);
    return database;
  } catch (error) {
    await database.close();
    const variable = config.databaseUrl ? own : "DATABASE_URL";
    throw new ConfigError([`${variable}: the database cannot be used (${describeFailure(error)})`]);
  }
}

function explainListening(error: unknown, name: string, port: number): unknown {
  // The gRPC server tells its reasons only in the text.
  if (!/EADDRINUSE/.test(String(error))) return error;
  const variable = `${name.toUpperCase()}_PORT`;
  return new ConfigError([`${variable}: ${port} is in use; choose another port or stop what uses it`]);
}
