import { randomUUIDv7 } from "node:crypto";
import type { Operator } from "@ocelli/auth/operator";
import { createLogger, loadSettings } from "@ocelli/chassis";
import type { Command } from "commander";
import { publicUrlOf } from "./public-url.ts";
import { Releases } from "./releases.ts";
import { databaseOption, openServiceStore } from "./service-store.ts";

/** What every command about accounts and access takes. */
export interface AuthStoreOptions {
  database?: string;
}

/** Adds the option of {@link AuthStoreOptions} to a command. */
export function withDatabaseOption(command: Command): Command {
  return command.option(databaseOption.flags, databaseOption.description);
}

/**
 * Does something by the rules of the auth service, on its store directly: who may read the store needs no password. It
 * works while the service runs, which then hears of it within a second, and while it does not.
 */
export async function withAuthStore<T>(
  { database }: AuthStoreOptions,
  work: (operator: Operator) => Promise<T>,
): Promise<T> {
  const [{ openOperator }, { settings }] = await Promise.all([
    import("@ocelli/auth/operator"),
    import("@ocelli/auth/config"),
  ]);
  const releases = new Releases();
  try {
    const config = loadSettings(settings, { ...process.env, ...publicUrlOf(process.env) });
    const databaseUrl = await openServiceStore({ service: "auth", database, env: process.env, releases });
    const operator = await openOperator({
      databaseUrl,
      config,
      // Results go to stdout; what the rules have to say must not get between them.
      log: createLogger({ level: "error", format: "json", destination: { write: toStderr } }),
      now: () => new Date(),
      newId: randomUUIDv7,
    });
    releases.add(() => operator.close());
    return await work(operator);
  } finally {
    await releases.run();
  }
}

function toStderr(line: string): void {
  process.stderr.write(line);
}
