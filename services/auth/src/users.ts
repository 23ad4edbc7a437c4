import {
  AppError,
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  isUuid,
  notFound,
  permissionDenied,
  type Relay,
  resolvePageSize,
  withOutbox,
} from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import { z } from "zod";
import type { Accounts } from "./accounts.ts";
import { type Actor, operator } from "./actor.ts";
import type { AuditAction, AuditLog } from "./audit.ts";
import { emailAddress } from "./email-address.ts";
import { endAccess } from "./end-access.ts";
import { emitUserClosure, emitUserDeleted } from "./events.ts";
import { requireRecentLogin } from "./recent-login.ts";
import { hasPassword } from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";
import {
  deleteUser,
  isActiveAdmin,
  listUsers,
  lockAdmins,
  lockUser,
  type UserState,
  updateUser,
} from "./store/user-admin.ts";
import { findUser, findUserIdByEmail, type User } from "./store/users.ts";
import {
  changed,
  type ParsedChanges,
  parseChanges,
  parseQuery,
  parseRole,
  type UserChanges,
} from "./user-changes.ts";

/** Who asks for something about accounts, and what he may do. */
export interface Caller {
  actor: Actor;
  /** The user who calls, or for whom a service calls. */
  userId: string | undefined;
  isAdmin: boolean;
  /**
   * Whether he may make administrators: a key or a service account with the scope `admin` could otherwise make one to
   * log in as, and with it reach what needs a login.
   */
  mayMakeAdmins: boolean;
  /** Session of the call, when it has one. */
  sessionId?: string;
}

/** The command line, which may do everything. */
export const operatorCaller: Caller = {
  actor: operator,
  userId: undefined,
  isAdmin: true,
  mayMakeAdmins: true,
};

/** One page of accounts, oldest first. */
export interface UserList {
  users: User[];
  /** Empty on the last page. */
  nextPageToken: string;
}

/** Rules of administering accounts. */
export interface Users {
  /** @throws AppError NOT_FOUND/USER_NOT_FOUND, alike for nobody and for somebody else's account. */
  get(userId: string, caller: Caller): Promise<User>;
  /**
   * Who has an address or an id, for whoever wants to share something with them.
   * @throws AppError NOT_FOUND/USER_NOT_FOUND, alike for nobody, closed accounts, and addresses that are yet to be proven.
   */
  find(key: { email: string } | { userId: string }): Promise<{ userId: string; name: string }>;
  /**
   * Accounts of everybody, for administrators; `query` is a part of the address or the name.
   * @throws AppError INVALID_ARGUMENT/{INVALID_QUERY,INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}.
   */
  list(request: { pageSize: number; pageToken: string; query: string }): Promise<UserList>;
  /**
   * Creates an account for somebody; without a password it is invited by e-mail to choose one.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT, ALREADY_EXISTS/EMAIL_TAKEN,
   * PERMISSION_DENIED/{ADMIN_REQUIRED,SESSION_REQUIRED}.
   */
  create(
    request: { email: string; name: string; password: string; role: string },
    caller: Caller,
    signal?: AbortSignal,
  ): Promise<User>;
  /**
   * Changes an account; another role and closing it end every access to it.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT, NOT_FOUND/USER_NOT_FOUND,
   * PERMISSION_DENIED/{ADMIN_REQUIRED,SESSION_REQUIRED}, FAILED_PRECONDITION/LAST_ADMIN.
   */
  update(userId: string, changes: UserChanges, caller: Caller): Promise<User>;
  /**
   * Deletes an account and, through the event, everything it owns. Owners prove themselves first.
   * @returns when it was deleted.
   * @throws AppError NOT_FOUND/USER_NOT_FOUND, FAILED_PRECONDITION/LAST_ADMIN,
   * UNAUTHENTICATED/INVALID_CREDENTIALS, PERMISSION_DENIED/{ADMIN_REQUIRED,RECENT_LOGIN_REQUIRED}.
   */
  delete(userId: string, proof: { password: string }, caller: Caller, signal?: AbortSignal): Promise<Date>;
}

/** What {@link createUsers} needs. */
export interface UsersDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  accounts: Pick<Accounts, "createAccount" | "confirmPassword">;
  audit: AuditLog;
  now: () => Date;
  /** Whether an account counts only once its address is proven. */
  requireVerifiedEmail: boolean;
}

const pageLimits = { defaultSize: 50, maxSize: 200 };
// What was refused and still belongs in the log.
const auditedFailures = new Set(["ADMIN_REQUIRED", "SESSION_REQUIRED", "LAST_ADMIN", "INVALID_CREDENTIALS"]);

const position = z.object({ createdAt: z.iso.datetime().transform((text) => new Date(text)), id: z.uuid() });

/** Creates the rules. */
export function createUsers(dependencies: UsersDependencies): Users {
  const { db, relay, accounts, audit, now } = dependencies;

  async function idOf(key: { email: string } | { userId: string }): Promise<string | undefined> {
    if ("userId" in key) return isUuid(key.userId) ? key.userId : undefined;
    const email = emailAddress.safeParse(key.email);
    return email.success ? findUserIdByEmail(db, email.data.canonical) : undefined;
  }

  async function update(userId: string, changes: ParsedChanges, caller: Caller): Promise<void> {
    await withOutbox(db, relay, async (trx) => {
      const restricts = changes.role !== undefined || changes.disabled !== undefined;
      // Locked before the account itself, here and in `delete`, so that two changes cannot wait for each other.
      const admins = restricts ? await lockAdmins(trx) : [];
      if (restricts) requireStillAdmin(caller, admins);
      const before = await lockUser(trx, userId);
      if (!before) throw userNotFound();
      const after = changed(before, changes, now());
      if (after.role === "admin" && before.role !== "admin") requireLogin(caller);
      const isAdmin = after.role === "admin" && after.disabledAt === null;
      if (restricts && !isAdmin) keepOneAdmin(admins, userId);
      await updateUser(trx, userId, after);
      await recordChanges(trx, { userId, before, after, caller });
    });
  }

  async function recordChanges(
    trx: Transaction<AuthTables>,
    {
      userId,
      before,
      after,
      caller,
    }: { userId: string; before: UserState; after: UserState; caller: Caller },
  ): Promise<void> {
    const { actor } = caller;
    const at = now();
    const record = (action: AuditAction, change = "") => audit.record(trx, { actor, action, userId, change });
    if (after.name !== before.name) await record("account.updated", "name");
    if (after.role !== before.role) {
      await record("account.role-changed", after.role);
      await endAccess(trx, { userId, reason: "role-changed", actor, audit, at });
    }
    const isDisabled = after.disabledAt !== null;
    if (isDisabled === (before.disabledAt !== null)) return;
    await record(isDisabled ? "account.disabled" : "account.enabled");
    if (isDisabled) await endAccess(trx, { userId, reason: "account-disabled", actor, audit, at });
    await emitUserClosure(trx, userId, isDisabled);
  }

  /** @throws AppError unless the owner has just shown that it is he who asks. */
  async function prove(userId: string, password: string, caller: Caller, signal?: AbortSignal) {
    if (await hasPassword(db, userId))
      return accounts.confirmPassword(userId, password, caller.actor, signal);
    if (caller.sessionId === undefined) throw permissionDenied("SESSION_REQUIRED", "This needs a login.");
    await requireRecentLogin(db, { userId, sessionId: caller.sessionId }, now());
  }

  /** Keeps what somebody tried in vain, too. */
  async function recordFailure<T>(
    attempt: { action: AuditAction; userId: string; caller: Caller },
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { reason } = AppError.from(error);
      if (auditedFailures.has(reason)) {
        const { action, userId, caller } = attempt;
        await audit.record(db, { actor: caller.actor, action, userId, failure: reason });
      }
      throw error;
    }
  }

  return {
    async get(userId, caller) {
      if (!isUuid(userId) || !maySee(caller, userId)) throw userNotFound();
      const user = await findUser(db, userId);
      if (!user) throw userNotFound();
      return user;
    },

    async find(key) {
      const id = await idOf(key);
      const user = id === undefined ? undefined : await findUser(db, id);
      const isUnproven = dependencies.requireVerifiedEmail && !user?.emailVerified;
      if (!user || user.disabled || isUnproven) throw userNotFound();
      return { userId: user.id, name: user.name };
    },

    async list(request) {
      const query = parseQuery(request.query);
      const list = ["users", query];
      const after = decodePageToken(request.pageToken, position, list);
      const size = resolvePageSize(request.pageSize, pageLimits);
      // One more than asked for tells whether there is another page.
      const found = await listUsers(db, { after, query, limit: size + 1 });
      const users = found.slice(0, size);
      const last = users.at(-1);
      if (found.length <= size || !last) return { users, nextPageToken: "" };
      return {
        users,
        nextPageToken: encodePageToken({ createdAt: last.createdAt, id: last.id }, list),
      };
    },

    async create(request, caller, signal) {
      const role = parseRole(request.role);
      if (role === "admin") requireLogin(caller);
      const { name: actorName } = caller.actor;
      if (isUuid(actorName) && !(await isActiveAdmin(db, actorName))) throw adminRequired();
      return accounts.createAccount({ ...request, role }, caller.actor, signal);
    },

    async update(userId, changes, caller) {
      if (!isUuid(userId) || !maySee(caller, userId)) throw userNotFound();
      const parsed = parseChanges(changes);
      await recordFailure({ action: actionOf(parsed), userId, caller }, async () => {
        if (!caller.isAdmin && (changes.role !== undefined || changes.disabled !== undefined))
          throw adminRequired();
        await update(userId, parsed, caller);
      });
      const user = await findUser(db, userId);
      if (!user) throw userNotFound();
      return user;
    },

    async delete(userId, { password }, caller, signal) {
      if (!isUuid(userId) || !maySee(caller, userId)) throw userNotFound();
      const own = caller.userId === userId;
      return recordFailure({ action: "account.deleted", userId, caller }, async () => {
        if (own) await prove(userId, password, caller, signal);
        return withOutbox(db, relay, async (trx) => {
          const admins = await lockAdmins(trx);
          if (!own) requireStillAdmin(caller, admins);
          keepOneAdmin(admins, userId);
          const at = now();
          const { actor } = caller;
          await endAccess(trx, { userId, reason: "account-deleted", actor, audit, at });
          if (!(await deleteUser(trx, userId))) throw userNotFound();
          await emitUserDeleted(trx, userId);
          await audit.record(trx, { actor, action: "account.deleted", userId });
          return at;
        });
      });
    },
  };
}

/** Someone else's account is not there for who is no administrator. */
function maySee(caller: Caller, userId: string): boolean {
  return caller.isAdmin || caller.userId === userId;
}

/** A token still says administrator for a moment after its user was one; the locked rows do not. */
function requireStillAdmin({ actor }: Caller, admins: readonly string[]): void {
  if (isUuid(actor.name) && !admins.includes(actor.name)) throw adminRequired();
}

function requireLogin({ mayMakeAdmins }: Caller): void {
  if (mayMakeAdmins) return;
  throw permissionDenied("SESSION_REQUIRED", "Administrators are made after a login, not by a key.");
}

function keepOneAdmin(admins: readonly string[], userId: string): void {
  if (admins.length > 1 || !admins.includes(userId)) return;
  throw failedPrecondition("LAST_ADMIN", "This is the last administrator; make somebody else one first.");
}

function actionOf({ role, disabled }: ParsedChanges): AuditAction {
  if (role !== undefined) return "account.role-changed";
  if (disabled !== undefined) return disabled ? "account.disabled" : "account.enabled";
  return "account.updated";
}

function userNotFound(): AppError {
  return notFound("USER_NOT_FOUND", "There is no such account.");
}

function adminRequired(): AppError {
  return permissionDenied("ADMIN_REQUIRED", "Only administrators may do this.");
}
