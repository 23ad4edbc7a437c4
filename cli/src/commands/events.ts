import {
  type DeadLetter,
  type EventTables,
  listDeadLetters,
  openDatabase,
  replayDeadLetters,
  replayOutbox,
} from "@ocelli/chassis";
import type { Command } from "commander";
import type { Kysely } from "kysely";
import { formatColumns, formatTime } from "../columns.ts";
import { Releases } from "../releases.ts";
import { serviceNames } from "../service-names.ts";
import { databaseOption, openServiceStore } from "../service-store.ts";
import { StartupError } from "../startup-error.ts";

interface DatabaseOption {
  database?: string;
}

interface ReplayOptions extends DatabaseOption {
  since?: string;
  deadLetters?: boolean;
}

const stores = serviceNames.filter((name) => name !== "gateway");

/** Adds `ocelli events replay`: publishes stored events again; consumers ignore what they have already done. */
export function addEventsCommand(program: Command): void {
  const events = program.command("events").description("look after events");
  events
    .command("replay")
    .description("publish a service's stored events again, or hand its dead letters to their consumers again")
    .argument("<service>", `whose events: ${stores.join(", ")}`)
    .option(databaseOption.flags, databaseOption.description)
    .option("--since <time>", "only events from this time on (ISO 8601)")
    .option("--dead-letters", "the dead letters of the service instead of its outbox")
    .action(async (service: string, options: ReplayOptions) => {
      const count = await replay(service, options);
      console.log(`${count} events of ${service} will be delivered again`);
    });
  events
    .command("dead-letters")
    .description("list what a service's consumers gave up, newest first")
    .argument("<service>", `whose consumers: ${stores.join(", ")}`)
    .option(databaseOption.flags, databaseOption.description)
    .action(async (service: string, options: DatabaseOption) => {
      const letters = await list(service, options);
      const rows = letters.map((letter) => [
        formatTime(letter.createdAt),
        letter.consumer,
        letter.subject,
        letter.eventId,
        letter.reason,
        String(letter.attempts),
        letter.replayRequested ? "waits for replay" : "",
      ]);
      console.log(
        formatColumns([["SINCE", "CONSUMER", "SUBJECT", "EVENT", "REASON", "ATTEMPTS", ""], ...rows]),
      );
    });
}

/** More than anybody reads; the rest is counted by the metrics. */
const mostListed = 1000;

async function list(name: string, { database }: DatabaseOption): Promise<DeadLetter[]> {
  return withEventStore(name, database, (db) => listDeadLetters(db, mostListed));
}

async function replay(name: string, options: ReplayOptions): Promise<number> {
  const since = options.since === undefined ? undefined : new Date(options.since);
  if (since && Number.isNaN(since.getTime()))
    throw new StartupError("--since must be a time such as 2026-01-31T12:00:00Z");
  return withEventStore(name, options.database, (db) =>
    options.deadLetters ? replayDeadLetters(db, {}) : replayOutbox(db, since ? { since } : {}),
  );
}

/** Opens the store of a service by its name, running or stopped, for as long as the work takes. */
async function withEventStore<T>(
  name: string,
  database: string | undefined,
  work: (db: Kysely<EventTables>) => Promise<T>,
): Promise<T> {
  const service = stores.find((each) => each === name);
  if (!service)
    throw new StartupError(`unknown service ${JSON.stringify(name)}; one of ${stores.join(", ")}`);
  const releases = new Releases();
  try {
    const url = await openServiceStore({ service, database, env: process.env, releases });
    const { db, close } = openDatabase<EventTables>({ url, schema: service });
    releases.add(close);
    return await work(db);
  } finally {
    await releases.run();
  }
}
