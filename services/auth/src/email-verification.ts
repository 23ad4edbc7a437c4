import {
  AppError,
  failedPrecondition,
  invalidArgument,
  type Relay,
  unauthenticated,
  withOutbox,
} from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { Accounts } from "./accounts.ts";
import { hashActionToken, isActionToken, issueActionToken, type LinkRecipient } from "./action-tokens.ts";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import { type EmailAddress, emailAddress } from "./email-address.ts";
import { countFailure } from "./failed-credentials.ts";
import { linkLifetimes } from "./mail/link-lifetimes.ts";
import type { Mailer } from "./mail/mailer.ts";
import { emailTaken } from "./new-account.ts";
import {
  type ActionToken,
  deleteActionTokens,
  deletePendingChanges,
  deleteVerifications,
  findActionToken,
  takeActionToken,
} from "./store/action-tokens.ts";
import type { AuthTables } from "./store/tables.ts";
import {
  type Credentials,
  findCredentialsOf,
  findUserIdByEmail,
  lockCredentials,
  markEmailVerified,
  updateEmail,
} from "./store/users.ts";

/** Rules of proving that an address is its user's. */
export interface EmailVerification {
  /**
   * Confirms an address with the token of a link sent there; where a change to that address is pending, it takes effect.
   * @throws AppError UNAUTHENTICATED/INVALID_VERIFICATION_TOKEN, ALREADY_EXISTS/EMAIL_TAKEN,
   * RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
   */
  verify(token: string, actor: Actor): Promise<void>;
  /**
   * Sends another link.
   * @throws AppError FAILED_PRECONDITION/EMAIL_ALREADY_VERIFIED, RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
   */
  request(userId: string, actor: Actor): Promise<void>;
  /**
   * Asks for another address: a link goes there, a notice to the old one; a newer request replaces an older one.
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, INVALID_ARGUMENT/INVALID_ACCOUNT, ALREADY_EXISTS/EMAIL_TAKEN,
   * RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  change(
    request: { userId: string; newEmail: string; password: string },
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<void>;
}

/** What {@link createEmailVerification} needs. */
export interface EmailVerificationDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  accounts: Pick<Accounts, "confirmPassword">;
  limits: AttemptLimits;
  audit: AuditLog;
  mailer: Mailer;
  now: () => Date;
}

/** Creates the rules. */
export function createEmailVerification(dependencies: EmailVerificationDependencies): EmailVerification {
  const { db, relay, accounts, limits, audit, mailer, now } = dependencies;

  return {
    async verify(token, actor) {
      const wanted = { tokenHash: hashActionToken(token), purpose: "verify-email", at: now() } as const;
      const found = isActionToken(token) ? await findActionToken(db, wanted) : undefined;
      if (!found) {
        await countFailure(limits, actor.origin.address);
        throw invalidVerificationToken();
      }
      await withOutbox(db, relay, async (trx) => {
        const user = await lockCredentials(trx, found.userId);
        const taken = await takeActionToken(trx, wanted);
        if (!user || !taken) throw invalidVerificationToken();
        await takeEffect(trx, user, taken, { ...actor, name: user.userId });
      }).catch(translateTaken);
    },

    async request(userId, actor) {
      const user = await findCredentialsOf(db, userId);
      if (!user) throw accountGone();
      if (user.emailVerified) throw alreadyVerified();
      const { address } = actor.origin;
      await limits.admit({ kind: "reset", address, account: user.emailCanonical });
      await withOutbox(db, relay, (trx) => sendLink(trx, user, user));
    },

    async change({ userId, newEmail, password }, actor, signal) {
      await confirm(userId, password, actor, signal);
      const email = parseNewEmail(newEmail);
      const before = await findCredentialsOf(db, userId);
      if (!before) throw accountGone();
      if (before.emailCanonical === email.canonical)
        throw invalidNewEmail("is the account's address already");
      const { address } = actor.origin;
      await limits.admit({ kind: "reset", address, account: before.emailCanonical });
      if ((await findUserIdByEmail(db, email.canonical)) !== undefined) throw emailTaken();
      await withOutbox(db, relay, async (trx) => {
        const user = await lockCredentials(trx, userId);
        if (!user || user.passwordHash !== before.passwordHash) throw wrongPassword();
        await deletePendingChanges(trx, user);
        await sendLink(trx, user, { userId, email: email.shown, emailCanonical: email.canonical });
        const notice = {
          template: "email-change-requested",
          name: user.name,
          newEmail: email.shown,
        } as const;
        await mailer.queue(trx, user, notice);
        await audit.record(trx, { actor, action: "email.change-requested", userId });
      });
    },
  };

  async function sendLink(
    trx: Transaction<AuthTables>,
    { name }: Credentials,
    { userId, email, emailCanonical }: LinkRecipient,
  ): Promise<void> {
    const token = await issueActionToken(trx, {
      userId,
      email,
      emailCanonical,
      purpose: "verify-email",
      at: now(),
      lifetimeMs: linkLifetimes["verify-email"],
    });
    await mailer.queue(trx, { userId, email }, { template: "verify-email", name, token });
  }

  async function takeEffect(
    trx: Transaction<AuthTables>,
    user: Credentials,
    { email, emailCanonical }: ActionToken,
    actor: Actor,
  ): Promise<void> {
    const { userId } = user;
    const at = now();
    const changes = emailCanonical !== user.emailCanonical;
    if (!changes) await markEmailVerified(trx, userId, at);
    else if (!(await updateEmail(trx, { userId, email, emailCanonical, verifiedAt: at }))) throw emailTaken();
    // Links to the address until now must not open the account to whoever still reads mail there.
    if (changes) await deleteActionTokens(trx, userId);
    else await deleteVerifications(trx, user);
    await audit.record(trx, {
      actor,
      action: "email.verified",
      userId,
      change: changes ? "new address" : "",
    });
    if (user.emailVerified) return;
    await mailer.queue(trx, { userId, email }, { template: "welcome", name: user.name });
  }

  async function confirm(
    userId: string,
    password: string,
    actor: Actor,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await accounts.confirmPassword(userId, password, actor, signal);
    } catch (error) {
      const { reason } = AppError.from(error);
      if (reason === "INVALID_CREDENTIALS") {
        await audit.record(db, { actor, action: "email.change-requested", userId, failure: reason });
      }
      throw error;
    }
  }
}

/** Two accounts that take one address at once both find it free; the index lets one of them have it. */
function translateTaken(error: unknown): never {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  throw code === "23505" ? emailTaken() : error;
}

function parseNewEmail(text: string): EmailAddress {
  const parsed = emailAddress.safeParse(text);
  if (parsed.success) return parsed.data;
  throw invalidNewEmail(parsed.error.issues.map((issue) => issue.message).join(", "));
}

function invalidNewEmail(description: string): Error {
  return invalidArgument("INVALID_ACCOUNT", "The new address is not valid.", [
    { field: "newEmail", description },
  ]);
}

function invalidVerificationToken(): Error {
  return unauthenticated("INVALID_VERIFICATION_TOKEN", "The link does not work any more; ask for another.");
}

function alreadyVerified(): Error {
  return failedPrecondition("EMAIL_ALREADY_VERIFIED", "The e-mail address is confirmed already.");
}

function wrongPassword(): Error {
  return unauthenticated("INVALID_CREDENTIALS", "The password is wrong.");
}

function accountGone(): Error {
  return unauthenticated("UNAUTHENTICATED", "The account of this token does not exist any more.");
}
