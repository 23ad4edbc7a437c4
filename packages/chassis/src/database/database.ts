import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { CompiledQuery, Kysely, type LogEvent, PostgresDialect, sql } from "kysely";
import pg from "pg";

/** A service's own store. */
export interface Database<Tables> {
  /** Queries run in the service's schema. */
  readonly db: Kysely<Tables>;
  /** Name of the service's schema. */
  readonly schema: string;
  /** Rejects when the database does not answer within 2 s. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Settings of {@link openDatabase}. */
export interface DatabaseOptions {
  /** `postgresql://…` connection string. */
  url: string;
  /** Schema that holds the service's tables; the service's name. */
  schema: string;
  /** Most connections. */
  maxConnections?: number;
}

// Timestamps as Date, bigint columns (OID 20) as number: no count or size here exceeds 2^53.
const types = new pg.TypeOverrides();
types.setTypeParser(20, (value) => Number(value));

const pingTimeoutMs = 2_000;

/** Opens the store of one service. Connects lazily. */
export function openDatabase<Tables>(options: DatabaseOptions): Database<Tables> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 8,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    types,
  });
  // A connection that breaks is replaced by the next query, and the query in hand fails by itself. Without listeners
  // the break would end the process: the pool hears of idle connections only, so each one lent out is heard, too.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const root = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), log: recordQuery });
  return {
    db: root.withSchema(options.schema),
    schema: options.schema,
    ping: () => answerWithin(pingTimeoutMs, root.executeQuery(CompiledQuery.raw("select 1"))),
    close: () => root.destroy(),
  };
}

async function answerWithin(ms: number, answer: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`the database did not answer within ${ms} ms`)), ms);
  try {
    await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Records a query as a span of the current trace; the statement has placeholders, never values. */
function recordQuery(event: LogEvent): void {
  if (!trace.getActiveSpan()) return;
  const endTime = performance.timeOrigin + performance.now();
  const statement = event.query.sql;
  // Asked for each time: a tracer taken before the provider is registered would record nothing, for ever.
  const tracer = trace.getTracer("ocelli.database");
  const span = tracer.startSpan(`SQL ${/\w+/.exec(statement)?.[0].toUpperCase() ?? ""}`, {
    kind: SpanKind.CLIENT,
    startTime: endTime - event.queryDurationMillis,
    attributes: { "db.system.name": "postgresql", "db.query.text": statement.slice(0, 2000) },
  });
  if (event.level === "error") span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(endTime);
}

/** Creates the service's schema if it is not there; replicas that start at once take turns. */
export async function ensureSchema<Tables>(database: Database<Tables>): Promise<void> {
  await database.db.transaction().execute(async (trx) => {
    // `if not exists` alone races: two sessions may both find nothing and both insert.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`schema ${database.schema}`}, 0))`.execute(trx);
    await sql`create schema if not exists ${sql.id(database.schema)}`.execute(trx);
  });
}
