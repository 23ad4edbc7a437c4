import { permissionDenied, type Relay, unauthenticated, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import { issueActionToken, type LinkRecipient } from "./action-tokens.ts";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import type { EmailAddress } from "./email-address.ts";
import { emitUserCreated } from "./events.ts";
import { linkLifetimes } from "./mail/link-lifetimes.ts";
import type { Mailer, Recipient } from "./mail/mailer.ts";
import { type AccountDetails, emailTaken, parseAccount } from "./new-account.ts";
import type { Passwords } from "./passwords.ts";
import type { AuthTables } from "./store/tables.ts";
import {
  anyUser,
  findCredentialsOf,
  findUser,
  findUserIdByEmail,
  insertUser,
  type User,
} from "./store/users.ts";

/** Rules of accounts. */
export interface Accounts {
  /**
   * Creates an account for who asks; the first of all is an administrator's.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT with the fields at fault, ALREADY_EXISTS/EMAIL_TAKEN,
   * PERMISSION_DENIED/SIGN_UP_CLOSED, RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  signUp(
    request: { email: string; password: string; name: string },
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<User>;
  /**
   * Creates an account for somebody else. Without a password (or with an empty one) a link to choose one is sent to the
   * address. Who may do this is the caller's to check.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT, ALREADY_EXISTS/EMAIL_TAKEN, RESOURCE_EXHAUSTED/TOO_MANY_LOGINS.
   */
  createAccount(
    request: { email: string; name: string; password?: string; role?: "user" | "admin" },
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<User>;
  /**
   * Creates an account without a password, in the caller's transaction, for who logged in at an OpenID provider that
   * vouches for the address. Counts as a sign-up: where those are closed, it is refused. Wake the relay afterwards.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT, ALREADY_EXISTS/EMAIL_TAKEN, PERMISSION_DENIED/SIGN_UP_CLOSED.
   */
  createVerifiedAccount(
    trx: Transaction<AuthTables>,
    account: { email: string; name: string },
    actor: Actor,
  ): Promise<User>;
  /**
   * Makes a user who is logged in prove again that it is he. Accounts without a password never pass.
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  confirmPassword(userId: string, password: string, actor: Actor, signal?: AbortSignal): Promise<void>;
  /** @throws AppError UNAUTHENTICATED/UNAUTHENTICATED when the account is gone. */
  get(userId: string): Promise<User>;
}

/** What {@link createAccounts} needs. */
export interface AccountsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  passwords: Passwords;
  limits: AttemptLimits;
  audit: AuditLog;
  mailer: Mailer;
  /** Whether everybody may create an account, or only the first user. */
  signUp: "open" | "closed";
  now: () => Date;
  newId: () => string;
}

interface Insertion extends AccountDetails {
  passwordHash: string | null;
  role?: "user" | "admin" | undefined;
  verified?: boolean;
  /** True for who creates the account for himself. */
  signUp: boolean;
}

/** Creates the rules. */
export function createAccounts(dependencies: AccountsDependencies): Accounts {
  const { db, relay, passwords, limits, audit, mailer, now, newId } = dependencies;

  return {
    async signUp(request, actor, signal) {
      await limits.admit({ kind: "sign-up", address: actor.origin.address });
      // Asked before the costly hash, like the address; the transaction has the last word on both.
      if (dependencies.signUp === "closed" && (await anyUser(db))) throw signUpClosed();
      const { details, passwordHash } = await prepare(request, request.password, signal);
      return withOutbox(db, relay, async (trx) => {
        const user = await insert(trx, { ...details, passwordHash, signUp: true }, actor);
        await askToVerify(trx, user, details.email);
        return user;
      });
    },

    async createAccount({ email, name, password = "", role }, actor, signal) {
      const chosen = password === "" ? undefined : password;
      const { details, passwordHash } = await prepare({ email, name }, chosen, signal);
      return withOutbox(db, relay, async (trx) => {
        const user = await insert(trx, { ...details, passwordHash, role, signUp: false }, actor);
        if (passwordHash === null) await invite(trx, user, details.email);
        return user;
      });
    },

    async createVerifiedAccount(trx, account, actor) {
      const details = await parseAccount(account);
      return insert(trx, { ...details, passwordHash: null, verified: true, signUp: true }, actor);
    },

    async confirmPassword(userId, password, actor, signal) {
      const credentials = await findCredentialsOf(db, userId);
      if (!credentials) throw accountGone();
      const { address } = actor.origin;
      // The same counters as a login's: a stolen session must not be a second way to guess.
      const attempt = { kind: "login", address, account: credentials.emailCanonical } as const;
      await limits.admit(attempt);
      if (await passwords.matches(password, credentials.passwordHash, signal)) {
        await limits.succeeded(attempt);
        return;
      }
      await limits.failed(attempt);
      throw unauthenticated("INVALID_CREDENTIALS", "The password is wrong.");
    },

    async get(userId) {
      const user = await findUser(db, userId);
      if (!user) throw accountGone();
      return user;
    },
  };

  async function prepare(
    { email, name }: { email: string; name: string },
    password: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ details: AccountDetails; passwordHash: string | null }> {
    const details = await parseAccount({ email, name, password });
    if ((await findUserIdByEmail(db, details.email.canonical)) !== undefined) throw emailTaken();
    return { details, passwordHash: password === undefined ? null : await passwords.hash(password, signal) };
  }

  /** The one place where accounts come to be. */
  async function insert(
    trx: Transaction<AuthTables>,
    { email, name, passwordHash, role = "user", verified = false, signUp }: Insertion,
    actor: Actor,
  ): Promise<User> {
    const createdAt = now();
    const inserted = await insertUser(trx, {
      id: newId(),
      email: email.shown,
      emailCanonical: email.canonical,
      name,
      role,
      passwordHash,
      createdAt,
      emailVerifiedAt: verified ? createdAt : null,
    });
    if (!inserted) throw emailTaken();
    const { first, ...user } = inserted;
    if (signUp && dependencies.signUp === "closed" && !first) throw signUpClosed();
    await emitUserCreated(trx, user.id);
    const by = actor.name === "" ? { ...actor, name: user.id } : actor;
    await audit.record(trx, { actor: by, action: "account.created", userId: user.id, change: user.role });
    return user;
  }

  async function askToVerify(trx: Transaction<AuthTables>, user: User, email: EmailAddress): Promise<void> {
    const token = await issueActionToken(trx, {
      ...linkTo(user, email),
      purpose: "verify-email",
      at: now(),
      lifetimeMs: linkLifetimes["verify-email"],
    });
    await mailer.queue(trx, recipientOf(user), { template: "verify-email", name: user.name, token });
  }

  async function invite(trx: Transaction<AuthTables>, user: User, email: EmailAddress): Promise<void> {
    const token = await issueActionToken(trx, {
      ...linkTo(user, email),
      purpose: "reset-password",
      at: now(),
      lifetimeMs: linkLifetimes.invitation,
    });
    await mailer.queue(trx, recipientOf(user), { template: "invitation", name: user.name, token });
  }
}

function linkTo(user: User, email: EmailAddress): LinkRecipient {
  return { userId: user.id, email: email.shown, emailCanonical: email.canonical };
}

function recipientOf(user: User): Recipient {
  return { userId: user.id, email: user.email };
}

function signUpClosed(): Error {
  return permissionDenied("SIGN_UP_CLOSED", "Accounts are created by an administrator here.");
}

function accountGone(): Error {
  return unauthenticated("UNAUTHENTICATED", "The account of this token does not exist any more.");
}
