import {
  type EventTables,
  loadSettings,
  openDatabase,
  replayDeadLetters,
  replayOutbox,
} from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { type Command, Option } from "commander";
import { settings } from "../config.ts";
import { openDataDirectory } from "../data-directory.ts";
import { Releases } from "../releases.ts";
import { serviceNames } from "../service-names.ts";
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
    // As a variable, not as a default: the help shows defaults, and the URL may hold a password.
    .addOption(
      new Option(
        "--database <url>",
        "the service's Postgres; without it the stopped installation in OCELLI_DATA",
      ).env("DATABASE_URL"),
    )
    .option("--since <time>", "only events from this time on (ISO 8601)")
    .option("--dead-letters", "the dead letters of the service instead of its outbox")
    .action(async (service: string, options: ReplayOptions) => {
      const count = await replay(service, options);
      console.log(`${count} events of ${service} will be delivered again`);
    });
}

async function replay(service: string, options: ReplayOptions): Promise<number> {
  if (!stores.some((name) => name === service))
    throw new StartupError(`unknown service ${JSON.stringify(service)}; one of ${stores.join(", ")}`);
  const since = options.since === undefined ? undefined : new Date(options.since);
  if (since && Number.isNaN(since.getTime()))
    throw new StartupError("--since must be a time such as 2026-01-31T12:00:00Z");
  const releases = new Releases();
  try {
    const url = options.database ?? (await openEmbedded(releases));
    const { db, close } = openDatabase<EventTables>({ url, schema: service });
    releases.add(close);
    return options.deadLetters
      ? await replayDeadLetters(db, {})
      : await replayOutbox(db, since ? { since } : {});
  } finally {
    await releases.run();
  }
}

/** The database of `ocelli up`, which must not be running: it would hold the data directory. */
async function openEmbedded(releases: Releases): Promise<string> {
  const data = openDataDirectory(loadSettings({ dataDir: settings.dataDir }, process.env).dataDir);
  releases.add(() => data.release());
  const database = await startEmbeddedDatabase({ dataDir: data.file("database") });
  releases.add(() => database.close());
  return database.url;
}
