import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { remainingMs } from "../rpc/call-scope.ts";
import { deadlineExceeded } from "../rpc/deadline.ts";

/**
 * A pool in whose queue a call waits no longer than its own caller does. What is done after the deadline, to put things in
 * order, waits like work of no call.
 */
export function boundByCalls(pool: pg.Pool): PostgresPool {
  return {
    connect: () => connectWithin(pool, remainingMs()),
    end: () => pool.end(),
    options: pool.options,
  };
}

async function connectWithin(pool: pg.Pool, ms: number): Promise<PostgresPoolClient> {
  const connecting = pool.connect();
  if (ms <= 0 || !Number.isFinite(ms)) return connecting;
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), ms);
  try {
    const first = await Promise.race([connecting, late.promise]);
    if (first !== "late") return first;
  } finally {
    clearTimeout(timer);
  }
  // Its turn comes later: it is given to the next in the queue then.
  connecting.then((client) => client.release()).catch(() => undefined);
  throw deadlineExceeded();
}
