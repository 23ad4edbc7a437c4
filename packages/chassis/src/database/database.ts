import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { CompiledQuery, Kysely, type LogEvent, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { boundByCalls } from "./bounded-pool.ts";
import { tellOutages } from "./store-outages.ts";

/** A service's own store. */
export interface Database<Tables> {
  /** Queries run in the service's schema. */
  readonly db: Kysely<Tables>;
  /** Name of the service's schema. */
  readonly schema: string;
  /**
   * Rejects when the database does not answer within 2 s. It is not asked where it has just answered another query: with
   * all connections at work, the question would wait for one and make a busy database look like one that is gone.
   */
  ping(): Promise<void>;
  /** Its connections now, and queries that wait for one. */
  pool(): { open: number; idle: number; waiting: number; max: number };
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
  /** Told of every query, for metrics. */
  onQuery?: QueryObserver;
}

/** What a query does, as far as its first word tells. */
export type QueryOperation = (typeof operations)[number];

/** Is told of a query once it is over; called within the span that ran it, and for every query: be quick. */
export type QueryObserver = (operation: QueryOperation, outcome: "ok" | "error", seconds: number) => void;

const operations = ["select", "insert", "update", "delete", "other"] as const;

// Timestamps as Date, bigint columns (OID 20) as number: no count or size here exceeds 2^53.
const types = new pg.TypeOverrides();
types.setTypeParser(20, (value) => Number(value));

const pingTimeoutMs = 2_000;

/** Opens the store of one service. Connects lazily. */
export function openDatabase<Tables>(options: DatabaseOptions): Database<Tables> {
  const max = options.maxConnections ?? 8;
  const pool = new pg.Pool({
    connectionString: options.url,
    max,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    types,
  });
  let answeredAt = Number.NEGATIVE_INFINITY;
  const onBroken = () => {
    answeredAt = Number.NEGATIVE_INFINITY;
  };
  // A connection that breaks is replaced by the next query, and the query in hand fails by itself. Without listeners
  // the break would end the process: the pool hears of idle connections only, so each one lent out is heard, too.
  pool.on("error", onBroken);
  pool.on("connect", (client) => client.on("error", onBroken));
  const log = (event: LogEvent) => {
    const operation = operationOf(event.query.sql);
    if (event.level === "query") answeredAt = performance.now();
    recordQuery(event, operation, options.schema);
    options.onQuery?.(operation, event.level === "error" ? "error" : "ok", event.queryDurationMillis / 1000);
  };
  const dialect = new PostgresDialect({ pool: tellOutages(boundByCalls(pool)) });
  const root = new Kysely<Tables>({ dialect, log });
  return {
    db: root.withSchema(options.schema),
    schema: options.schema,
    async ping() {
      const askedAt = performance.now();
      if (askedAt - answeredAt < pingTimeoutMs) return;
      const answer = root.executeQuery(CompiledQuery.raw("select 1"));
      await answerWithin(pingTimeoutMs, answer, () => answeredAt > askedAt);
    },
    pool: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount, max }),
    close: () => root.destroy(),
  };
}

/** `isThere` is asked when the time is over: whether something else was answered meanwhile. */
async function answerWithin(ms: number, answer: Promise<unknown>, isThere: () => boolean): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    if (isThere()) late.resolve();
    else late.reject(new Error(`the database did not answer within ${ms} ms`));
  }, ms);
  try {
    await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function operationOf(statement: string): QueryOperation {
  const word = /\w+/.exec(statement)?.[0].toLowerCase();
  return operations.find((each) => each === word) ?? "other";
}

/** Records a query as a span of the current trace; the statement has placeholders, never values. */
function recordQuery(event: LogEvent, operation: QueryOperation, namespace: string): void {
  if (!trace.getActiveSpan()) return;
  const endTime = performance.timeOrigin + performance.now();
  const statement = event.query.sql;
  // Asked for each time: a tracer taken before the provider is registered would record nothing, for ever.
  const tracer = trace.getTracer("ocelli.database");
  const span = tracer.startSpan(`SQL ${/\w+/.exec(statement)?.[0].toUpperCase() ?? ""}`, {
    kind: SpanKind.CLIENT,
    startTime: endTime - event.queryDurationMillis,
    attributes: {
      "db.system.name": "postgresql",
      "db.namespace": namespace,
      "db.operation.name": operation,
      "db.query.text": statement.slice(0, 2000),
    },
  });
  if (event.level === "error") {
    // Postgres' five-character class; its message may quote the values of the row.
    span.setAttribute("error.type", sqlState(event.error));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end(endTime);
}

function sqlState(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

/** Creates the service's schema if it is not there; replicas that start at once take turns. */
export async function ensureSchema<Tables>(database: Database<Tables>): Promise<void> {
  await database.db.transaction().execute(async (trx) => {
    // `if not exists` alone races: two sessions may both find nothing and both insert.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`schema ${database.schema}`}, 0))`.execute(trx);
    await sql`create schema if not exists ${sql.id(database.schema)}`.execute(trx);
  });
}
