import { ConfigError, describeFailure, type Logger, migrate, openDatabase } from "@ocelli/chassis";
import { operator } from "./actor.ts";
import { createAuth } from "./auth.ts";
import type { AuthConfig } from "./config.ts";
import { emailAddress } from "./email-address.ts";
import { createOperatorPasswords } from "./operator-passwords.ts";
import { createOperatorSecondFactor } from "./operator-second-factor.ts";
import { migrations } from "./store/migrations/index.ts";
import type { AuthTables } from "./store/tables.ts";
import { findUserIdByEmail } from "./store/users.ts";
import { operatorCaller } from "./users.ts";

export type { ApiKey } from "./store/api-keys.ts";
export type { StoredServiceAccount } from "./store/service-accounts.ts";
export type { User } from "./store/users.ts";

/** What {@link openOperator} needs. */
export interface OperatorOptions {
  /** Store of the auth service, `postgresql://…`. */
  databaseUrl: string;
  config: AuthConfig;
  log: Logger;
  now: () => Date;
  newId: () => string;
}

/** The rules of auth for the command line. */
export type Operator = Awaited<ReturnType<typeof openOperator>>;

/**
 * Opens the rules of auth over its store, whether the service runs or not; brings the store to the newest schema first.
 * What a command leaves in the outbox, a running service publishes within a second, and one that starts, then.
 * @throws ConfigError when the database cannot be used, or its secrets need another AUTH_KEY_SECRET.
 */
export async function openOperator({ databaseUrl, config, log, now, newId }: OperatorOptions) {
  const database = openDatabase<AuthTables>({ url: databaseUrl, schema: "auth", maxConnections: 2 });
  const { db } = database;
  // Nobody here publishes: the service looks into its outbox by itself.
  const relay = { kick() {} };
  try {
    await database.ping().catch((error: unknown) => {
      throw new ConfigError([`the database cannot be used (${describeFailure(error)})`]);
    });
    await migrate(database, migrations);
    const auth = await createAuth({ db, relay, config, runtime: { log, now, newId } });
    const { audit, mailer, passwords, publicUrl } = { ...auth, ...config };
    return {
      ...auth,
      actor: operator,
      caller: operatorCaller,
      operatorPasswords: createOperatorPasswords({ db, relay, audit, mailer, passwords, publicUrl, now }),
      operatorSecondFactor: createOperatorSecondFactor({ db, relay, audit, mailer }),
      /** The account with this address or id. @throws AppError NOT_FOUND/USER_NOT_FOUND. */
      async findUser(addressOrId: string) {
        const email = emailAddress.safeParse(addressOrId);
        const id = email.success ? await findUserIdByEmail(db, email.data.canonical) : addressOrId;
        return auth.users.get(id ?? "", operatorCaller);
      },
      close: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}
