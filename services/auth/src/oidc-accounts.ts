import {
  alreadyExists,
  failedPrecondition,
  permissionDenied,
  type Relay,
  unauthenticated,
  withOutbox,
} from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import { type EmailAddress, emailAddress } from "./email-address.ts";
import type { Mailer } from "./mail/mailer.ts";
import type { OidcClaims } from "./oidc-client.ts";
import {
  findIdentityUser,
  insertIdentity,
  type LinkableAccount,
  listIdentities,
  lockAccount,
  lockAccountByEmail,
} from "./store/identities.ts";
import type { AuthTables } from "./store/tables.ts";
import { findUser } from "./store/users.ts";

/** Decides which account an identity at the provider logs in to. */
export interface OidcAccounts {
  /**
   * The account of an identity: the linked one; at a first login the one with the same address, where both sides have
   * verified it and it has no second factor, or a new one for an address that the provider vouches for.
   * @throws AppError ALREADY_EXISTS/EMAIL_TAKEN, PERMISSION_DENIED/{EMAIL_REQUIRED,SIGN_UP_CLOSED,ACCOUNT_DISABLED,
   * EMAIL_NOT_VERIFIED}.
   */
  logIn(claims: OidcClaims, actor: Actor): Promise<string>;
  /**
   * Links an identity to an account; again is no error.
   * @throws AppError ALREADY_EXISTS/IDENTITY_LINKED, PERMISSION_DENIED/ACCOUNT_DISABLED,
   * FAILED_PRECONDITION/TOO_MANY_IDENTITIES.
   */
  link(claims: OidcClaims, userId: string, actor: Actor): Promise<void>;
}

/** What {@link createOidcAccounts} needs. */
export interface OidcAccountsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  mailer: Mailer;
  /** The provider's name for people. */
  providerName: string;
  /**
   * Creates an account without a password, its address verified, by the rules of every sign-up.
   * @throws AppError ALREADY_EXISTS/EMAIL_TAKEN, PERMISSION_DENIED/SIGN_UP_CLOSED.
   */
  createAccount(
    trx: Transaction<AuthTables>,
    account: { email: string; name: string },
    actor: Actor,
  ): Promise<{ id: string }>;
  /** Whether first logins create accounts. */
  signUp: boolean;
  /** Whether logins need a verified address. */
  requireVerifiedEmail: boolean;
  now: () => Date;
}

const maxNameLength = 100;
// More than anybody has accounts at one provider, and few enough to list at once.
const maxIdentities = 20;

/** Creates the rules. */
export function createOidcAccounts(dependencies: OidcAccountsDependencies): OidcAccounts {
  const { db, relay, audit, now } = dependencies;

  async function insertLink(
    trx: Transaction<AuthTables>,
    { issuer, subject }: OidcClaims,
    userId: string,
    actor: Actor,
  ): Promise<void> {
    if ((await listIdentities(trx, userId)).length >= maxIdentities) throw tooManyIdentities();
    const linked = await insertIdentity(trx, { issuer, subject, userId, linkedAt: now() });
    if (!linked) throw identityLinked();
    await audit.record(trx, { actor: actingAs(actor, userId), action: "identity.linked", userId });
  }

  /** Whoever had the account before hears of another way in to it. */
  async function tell(trx: Transaction<AuthTables>, userId: string): Promise<void> {
    const user = await findUser(trx, userId);
    if (!user) return;
    const { mailer, providerName: provider } = dependencies;
    const mail = { template: "identity-linked", name: user.name, provider } as const;
    await mailer.queue(trx, { email: user.email, userId }, mail);
  }

  async function firstLogin(
    trx: Transaction<AuthTables>,
    claims: OidcClaims,
    actor: Actor,
  ): Promise<LinkableAccount> {
    const email = requireEmail(claims);
    const account = await lockAccountByEmail(trx, email.canonical);
    if (account) requireSamePerson(claims, account);
    const linkable = account ?? (await signUp(trx, { claims, email }, actor));
    await insertLink(trx, claims, linkable.userId, actor);
    if (account) await tell(trx, account.userId);
    return linkable;
  }

  async function signUp(
    trx: Transaction<AuthTables>,
    { claims, email }: { claims: OidcClaims; email: EmailAddress },
    actor: Actor,
  ): Promise<LinkableAccount> {
    if (!dependencies.signUp) {
      throw permissionDenied("SIGN_UP_CLOSED", "No account of this installation belongs to this login.");
    }
    // Or anybody could occupy somebody else's address by way of a provider that does not check it.
    if (!claims.emailVerified) {
      throw permissionDenied("EMAIL_NOT_VERIFIED", "The provider does not vouch for the e-mail address.");
    }
    const account = { email: email.shown, name: nameOf(claims, email) };
    const { id } = await dependencies.createAccount(trx, account, actor);
    return { userId: id, emailVerified: true, disabled: false, twoFactorEnabled: false };
  }

  async function resolve(claims: OidcClaims, actor: Actor): Promise<string> {
    return withOutbox(db, relay, async (trx) => {
      const linked = await findIdentityUser(trx, claims);
      const account = linked
        ? requireAccount(await lockAccount(trx, linked))
        : await firstLogin(trx, claims, actor);
      requireOpen(account);
      if (dependencies.requireVerifiedEmail && !account.emailVerified) throw notVerified();
      return account.userId;
    });
  }

  return {
    async logIn(claims, actor) {
      try {
        return await resolve(claims, actor);
      } catch (error) {
        // Two first logins of one identity at once: who loses finds the other's work.
        const linked = isAlreadyThere(error) ? await findIdentityUser(db, claims) : undefined;
        if (linked === undefined) throw error;
        return resolve(claims, actor);
      }
    },

    async link(claims, userId, actor) {
      await withOutbox(db, relay, async (trx) => {
        requireOpen(requireAccount(await lockAccount(trx, userId)));
        const linked = await findIdentityUser(trx, claims);
        if (linked === userId) return;
        if (linked !== undefined) throw identityLinked();
        await insertLink(trx, claims, userId, actor);
        await tell(trx, userId);
      });
    },
  };
}

/**
 * Anybody can register somebody else's address, here or at a provider that does not check it, and wait for the owner
 * to come by the other way. Only an address that both sides have verified proves that both accounts are one person's.
 * Who has turned a second factor on wants the mailbox alone to open nothing: whoever reads mail there could log in at the
 * provider as well. That account is linked by its owner, after a login with both factors.
 */
function requireSamePerson(claims: OidcClaims, account: LinkableAccount): void {
  if (claims.emailVerified && account.emailVerified && !account.twoFactorEnabled) return;
  throw alreadyExists(
    "EMAIL_TAKEN",
    "This e-mail address has an account already. Log in with your password and link the account.",
  );
}

function requireEmail({ email }: OidcClaims): EmailAddress {
  const parsed = email === undefined ? undefined : emailAddress.safeParse(email);
  if (parsed?.success) return parsed.data;
  throw permissionDenied("EMAIL_REQUIRED", "The provider gives no e-mail address, which an account needs.");
}

function requireAccount(account: LinkableAccount | undefined): LinkableAccount {
  if (account) return account;
  throw unauthenticated("INVALID_OIDC_STATE", "The account does not exist any more.");
}

function requireOpen({ disabled }: LinkableAccount): void {
  if (disabled) throw permissionDenied("ACCOUNT_DISABLED", "The account is disabled.");
}

/** The provider's name for the person, made fit for ours; else what the address begins with. */
function nameOf(claims: OidcClaims, email: EmailAddress): string {
  const clean = (claims.name ?? "").replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, " ");
  const given = Array.from(clean.trim().replace(/\s+/g, " ")).slice(0, maxNameLength).join("").trim();
  return given === "" ? email.shown.slice(0, email.shown.lastIndexOf("@")) : given;
}

/** Who logs in for the first time is a stranger until then. */
function actingAs(actor: Actor, userId: string): Actor {
  return actor.name === "" ? { ...actor, name: userId } : actor;
}

function isAlreadyThere(error: unknown): boolean {
  const reason = error instanceof Error && "reason" in error ? error.reason : undefined;
  return reason === "EMAIL_TAKEN" || reason === "IDENTITY_LINKED";
}

function identityLinked(): Error {
  return alreadyExists("IDENTITY_LINKED", "This login is linked to another account already.");
}

function tooManyIdentities(): Error {
  return failedPrecondition("TOO_MANY_IDENTITIES", `An account has at most ${maxIdentities} linked logins.`);
}

function notVerified(): Error {
  return permissionDenied("EMAIL_NOT_VERIFIED", "Confirm the e-mail address of the account first.");
}
