import type { PostgresPool, PostgresPoolClient } from "kysely";
import { Status } from "nice-grpc-common";
import pg from "pg";
import { AppError } from "../errors/app-error.ts";

/**
 * A pool whose callers hear UNAVAILABLE/STORE_UNAVAILABLE where the store cannot be asked at the moment, or took a
 * transaction back that may go well the next time. All other errors stay as they are.
 */
export function tellOutages(pool: PostgresPool): PostgresPool {
  // The same for the same connection: Kysely keeps what it knows of one by it.
  const told = new WeakMap<PostgresPoolClient, PostgresPoolClient>();
  const telling = (client: PostgresPoolClient) => {
    const known = told.get(client) ?? withOutages(client);
    told.set(client, known);
    return known;
  };
  return {
    ...pool,
    end: () => pool.end(),
    connect: async () => telling(await pool.connect().catch(rejectOutage)),
  };
}

function withOutages(client: PostgresPoolClient): PostgresPoolClient {
  const query = (...args: unknown[]) => {
    const answer: unknown = Reflect.apply(client.query, client, args);
    // A cursor is handed out at once, and tells by itself.
    return answer instanceof Promise ? answer.catch(rejectOutage) : answer;
  };
  return new Proxy(client, {
    get: (target, name) => {
      if (name === "query") return query;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/**
 * SQLSTATEs, or their first two letters, of what passes: connections (08), no room for another one, on the disk or in
 * memory (53), a server that stops or starts (57P01 to 57P05), a deadlock or another clash of transactions (40).
 */
const passing = ["08", "40", "53", "57P0"] as const;

/** What `pg` says of a broken connection, which carries no code. */
const broken =
  /^(Connection terminated|timeout exceeded when trying to connect|Client (has|was) .*not queryable)/;

const retryAfterMs = 1_000;

function isOutage(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isOutage);
  if (!(error instanceof Error)) return false;
  if (error instanceof pg.DatabaseError) return passing.some((prefix) => error.code?.startsWith(prefix));
  // Of the socket: refused, reset, timed out, not to be found.
  return "syscall" in error || broken.test(error.message);
}

function rejectOutage(error: unknown): never {
  if (!isOutage(error)) throw error;
  throw new AppError({
    code: Status.UNAVAILABLE,
    reason: "STORE_UNAVAILABLE",
    message: "The store does not answer; try again in a moment.",
    retryAfterMs,
    cause: error,
  });
}
