import { type EventTables, openDatabase, replayDeadLetters, replayOutbox } from "@ocelli/chassis";
import type { Command } from "commander";
import { Releases } from "../releases.ts";
import { serviceNames } from "../service-names.ts";
import { databaseOption, openServiceStore } from "../service-store.ts";
import { StartupError } from "../startup-error.ts";

interface ReplayOptions {
  database?: string;
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
}

async function replay(name: string, options: ReplayOptions): Promise<number> {
  const service = stores.find((each) => each === name);
  if (!service)
    throw new StartupError(`unknown service ${JSON.stringify(name)}; one of ${stores.join(", ")}`);
  const since = options.since === undefined ? undefined : new Date(options.since);
  if (since && Number.isNaN(since.getTime()))
    throw new StartupError("--since must be a time such as 2026-01-31T12:00:00Z");
  const releases = new Releases();
  try {
    const { database } = options;
    const url = await openServiceStore({ service, database, env: process.env, releases });
    const { db, close } = openDatabase<EventTables>({ url, schema: service });
    releases.add(close);
    return options.deadLetters
      ? await replayDeadLetters(db, {})
      : await replayOutbox(db, since ? { since } : {});
  } finally {
    await releases.run();
  }
}
