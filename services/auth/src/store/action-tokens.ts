import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** What a link is for. */
export type ActionPurpose = "reset-password" | "verify-email";

/** The token of a link sent by e-mail. */
export interface ActionToken {
  tokenHash: Buffer;
  userId: string;
  purpose: ActionPurpose;
  /** Address the link was sent to. */
  email: string;
  emailCanonical: string;
  createdAt: Date;
  expiresAt: Date;
}

const columns = [
  "token_hash as tokenHash",
  "user_id as userId",
  "purpose",
  "email",
  "email_canonical as emailCanonical",
  "created_at as createdAt",
  "expires_at as expiresAt",
] as const;

/** Adds a token; of the same user and purpose only the `keep` newest stay beside it. */
export async function insertActionToken(
  trx: Transaction<AuthTables>,
  token: ActionToken,
  keep: number,
): Promise<void> {
  await trx
    .deleteFrom("action_tokens")
    .where("user_id", "=", token.userId)
    .where("purpose", "=", token.purpose)
    .where("token_hash", "not in", (query) =>
      query
        .selectFrom("action_tokens")
        .select("token_hash")
        .where("user_id", "=", token.userId)
        .where("purpose", "=", token.purpose)
        .where("expires_at", ">", token.createdAt)
        .orderBy("created_at", "desc")
        .limit(keep),
    )
    .execute();
  await trx
    .insertInto("action_tokens")
    .values({
      token_hash: token.tokenHash,
      user_id: token.userId,
      purpose: token.purpose,
      email: token.email,
      email_canonical: token.emailCanonical,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
    })
    .execute();
}

/** A token that is not over, without using it up. */
export async function findActionToken(
  db: Kysely<AuthTables>,
  token: { tokenHash: Buffer; purpose: ActionPurpose; at: Date },
): Promise<ActionToken | undefined> {
  return db
    .selectFrom("action_tokens")
    .select(columns)
    .where("token_hash", "=", token.tokenHash)
    .where("purpose", "=", token.purpose)
    .where("expires_at", ">", token.at)
    .executeTakeFirst();
}

/** Uses a token up: of parallel callers one gets it. */
export async function takeActionToken(
  trx: Transaction<AuthTables>,
  token: { tokenHash: Buffer; purpose: ActionPurpose; at: Date },
): Promise<ActionToken | undefined> {
  return trx
    .deleteFrom("action_tokens")
    .where("token_hash", "=", token.tokenHash)
    .where("purpose", "=", token.purpose)
    .where("expires_at", ">", token.at)
    .returning(columns)
    .executeTakeFirst();
}

/** Forgets the tokens of a user, except those that verify one address. */
export async function deleteActionTokens(
  trx: Transaction<AuthTables>,
  userId: string,
  except?: { verifying: string },
): Promise<void> {
  await trx
    .deleteFrom("action_tokens")
    .where("user_id", "=", userId)
    .$if(except !== undefined, (query) =>
      query.where((each) =>
        each.or([
          each("purpose", "!=", "verify-email"),
          each("email_canonical", "!=", except?.verifying ?? ""),
        ]),
      ),
    )
    .execute();
}

/** Forgets what would make another address the user's. */
export async function deletePendingChanges(
  trx: Transaction<AuthTables>,
  user: { userId: string; emailCanonical: string },
): Promise<void> {
  await trx
    .deleteFrom("action_tokens")
    .where("user_id", "=", user.userId)
    .where("purpose", "=", "verify-email")
    .where("email_canonical", "!=", user.emailCanonical)
    .execute();
}

/** Forgets what would verify an address that is verified now. */
export async function deleteVerifications(
  trx: Transaction<AuthTables>,
  user: { userId: string; emailCanonical: string },
): Promise<void> {
  await trx
    .deleteFrom("action_tokens")
    .where("user_id", "=", user.userId)
    .where("purpose", "=", "verify-email")
    .where("email_canonical", "=", user.emailCanonical)
    .execute();
}
