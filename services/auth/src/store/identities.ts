import { type Kysely, sql, type Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** An account at the provider. */
export interface ProviderIdentity {
  issuer: string;
  subject: string;
}

/** One that logs in to an account. */
export interface LinkedIdentity extends ProviderIdentity {
  linkedAt: Date;
}

/** What deciding about an account needs. */
export interface LinkableAccount {
  userId: string;
  emailVerified: boolean;
  disabled: boolean;
  /** Whether its logins ask for a code. */
  twoFactorEnabled: boolean;
}

/** Whose account logs in with an identity. */
export async function findIdentityUser(
  db: Kysely<AuthTables>,
  { issuer, subject }: ProviderIdentity,
): Promise<string | undefined> {
  const row = await db
    .selectFrom("identities")
    .select("user_id as userId")
    .where("issuer", "=", issuer)
    .where("subject", "=", subject)
    .executeTakeFirst();
  return row?.userId;
}

/** Links an identity to an account. False when it is linked already, to this account or another. */
export async function insertIdentity(
  trx: Transaction<AuthTables>,
  identity: ProviderIdentity & { userId: string; linkedAt: Date },
): Promise<boolean> {
  const row = await trx
    .insertInto("identities")
    .values({
      issuer: identity.issuer,
      subject: identity.subject,
      user_id: identity.userId,
      linked_at: identity.linkedAt,
    })
    .onConflict((conflict) => conflict.columns(["issuer", "subject"]).doNothing())
    .returning("user_id as userId")
    .executeTakeFirst();
  return row !== undefined;
}

/** Every identity that logs in to an account, the oldest link first. */
export async function listIdentities(db: Kysely<AuthTables>, userId: string): Promise<LinkedIdentity[]> {
  return db
    .selectFrom("identities")
    .select(["issuer", "subject", "linked_at as linkedAt"])
    .where("user_id", "=", userId)
    .orderBy("linked_at")
    .orderBy("issuer")
    .orderBy("subject")
    .execute();
}

/** Unlinks an identity from an account. */
export async function deleteIdentity(
  trx: Transaction<AuthTables>,
  { issuer, subject, userId }: ProviderIdentity & { userId: string },
): Promise<void> {
  await trx
    .deleteFrom("identities")
    .where("issuer", "=", issuer)
    .where("subject", "=", subject)
    .where("user_id", "=", userId)
    .execute();
}

/** The account with an address, locked: neither its address nor whether it is verified changes until the commit. */
export async function lockAccountByEmail(
  trx: Transaction<AuthTables>,
  emailCanonical: string,
): Promise<LinkableAccount | undefined> {
  return toLinkable(
    await trx
      .selectFrom("users")
      .select(linkableColumns)
      .where("email_canonical", "=", emailCanonical)
      .forUpdate()
      .executeTakeFirst(),
  );
}

/** An account by its id, locked. */
export async function lockAccount(
  trx: Transaction<AuthTables>,
  userId: string,
): Promise<LinkableAccount | undefined> {
  return toLinkable(
    await trx
      .selectFrom("users")
      .select(linkableColumns)
      .where("id", "=", userId)
      .forUpdate()
      .executeTakeFirst(),
  );
}

const linkableColumns = [
  "id",
  "email_verified_at as verifiedAt",
  "disabled_at as disabledAt",
  sql<boolean>`exists (select from auth.second_factors where user_id = users.id and confirmed_at is not null)`.as(
    "twoFactorEnabled",
  ),
] as const;

function toLinkable(
  row:
    | { id: string; verifiedAt: Date | null; disabledAt: Date | null; twoFactorEnabled: boolean }
    | undefined,
): LinkableAccount | undefined {
  if (!row) return undefined;
  const { id, verifiedAt, disabledAt, twoFactorEnabled } = row;
  return {
    userId: id,
    emailVerified: verifiedAt !== null,
    disabled: disabledAt !== null,
    twoFactorEnabled,
  };
}
