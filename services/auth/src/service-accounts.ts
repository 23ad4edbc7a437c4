import { timingSafeEqual } from "node:crypto";
import {
  alreadyExists,
  type CallOrigin,
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  invalidArgument,
  isUuid,
  notFound,
  type Relay,
  resolvePageSize,
  unauthenticated,
  withOutbox,
} from "@ocelli/chassis";
import type { Scope } from "@ocelli/contracts";
import type { Kysely, Transaction } from "kysely";
import { z } from "zod";
import { type AccessTokens, type IssuedAccessToken, scopesOf } from "./access-tokens.ts";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import { countFailure } from "./failed-credentials.ts";
import { requestedScopes, requireHeld } from "./requested-scopes.ts";
import { revokeGrants } from "./revocation.ts";
import { hashSecret, newSecret } from "./secrets.ts";
import type { ServiceAccount } from "./service-account-list.ts";
import {
  countServiceAccounts,
  deleteServiceAccount,
  findServiceAccount,
  insertServiceAccount,
  listServiceAccounts,
  type PresentedServiceAccount,
  type StoredServiceAccount,
  touchServiceAccount,
} from "./store/service-accounts.ts";
import { lockOwner } from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

/** What a service account is made of. */
export interface ServiceAccountRequest {
  name: string;
  scopes: readonly string[];
  /** The one user it may act for; empty for any. */
  userId: string;
}

/** Client credentials: those of the settings, for Ocelli's own services, and stored ones for programs of others. */
export interface ServiceAccounts {
  /**
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, alike and after the same work for an unknown name and a wrong
   * secret; RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS after many of those from one address.
   */
  issueToken(
    credentials: { clientId: string; clientSecret: string },
    origin: CallOrigin,
  ): Promise<IssuedAccessToken>;
  /**
   * Makes an account; its secret is returned this once. `held` tells what the maker may hand on.
   * @throws AppError INVALID_ARGUMENT/INVALID_SERVICE_ACCOUNT with the fields at fault, PERMISSION_DENIED/SCOPE_NOT_HELD,
   * ALREADY_EXISTS/SERVICE_ACCOUNT_EXISTS, FAILED_PRECONDITION/TOO_MANY_SERVICE_ACCOUNTS.
   */
  create(
    request: ServiceAccountRequest,
    held: (scope: Scope) => boolean,
    actor: Actor,
  ): Promise<{ serviceAccount: StoredServiceAccount; secret: string }>;
  /** Stored accounts by name. @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(page: {
    pageSize: number;
    pageToken: string;
  }): Promise<{ serviceAccounts: StoredServiceAccount[]; nextPageToken: string }>;
  /** Ends an account at once. @throws AppError NOT_FOUND/SERVICE_ACCOUNT_NOT_FOUND. */
  delete(id: string, actor: Actor): Promise<void>;
}

/** What {@link createServiceAccounts} needs. */
export interface ServiceAccountsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  /** Accounts of Ocelli's own services. */
  own: readonly ServiceAccount[];
  accessTokens: Pick<AccessTokens, "forService" | "forServiceAccount">;
  audit: AuditLog;
  attempts: Pick<AttemptLimits, "admit" | "failed">;
  now: () => Date;
  newId: () => string;
}

// Also what verifiers accept after `service:` in a subject.
const namePattern = /^[a-z][a-z0-9-]{0,39}$/;
const maxSecretLength = 200;
const maxAccounts = 1_000;
const pageLimits = { defaultSize: 50, maxSize: 100 };
const touchEveryMs = 5 * 60_000;
const listName = "service-accounts";

const requestSchema = z.object({
  name: z.string().regex(namePattern, "must be 1 to 40 lower-case letters, digits and hyphens"),
  scopes: requestedScopes,
  userId: z
    .string()
    .refine((text) => text === "" || isUuid(text), "must be a user's id")
    .transform((text) => text || null),
});

/** Creates the rules. */
export function createServiceAccounts(dependencies: ServiceAccountsDependencies): ServiceAccounts {
  const { db, relay, accessTokens, audit, now, newId } = dependencies;
  const ownDigests = new Map(dependencies.own.map(({ name, secret }) => [name, hashSecret(secret.reveal())]));
  const nobody = hashSecret(newSecret("ocelli_sa_"));

  /** The token for right credentials. Every path hashes once, asks the store once and compares once. */
  async function prove(clientId: string, clientSecret: string): Promise<IssuedAccessToken | undefined> {
    // What cannot be a name is looked up as one that nobody has.
    const name = namePattern.test(clientId) ? clientId : "-";
    const presented = hashSecret(clientSecret.length <= maxSecretLength ? clientSecret : "");
    const stored = await findServiceAccount(db, name);
    const own = ownDigests.get(name);
    const matches = timingSafeEqual(presented, own ?? stored?.secretHash ?? nobody);
    if (!matches) return undefined;
    if (own) return accessTokens.forService(name);
    return stored && !stored.disabledAt ? issue(stored) : undefined;
  }

  async function issue(account: PresentedServiceAccount): Promise<IssuedAccessToken> {
    const at = now();
    await touchServiceAccount(db, { id: account.id, at, unlessSince: new Date(at.getTime() - touchEveryMs) });
    return accessTokens.forServiceAccount({
      ...account,
      scopes: account.scopes.filter(allowedTo(account.role)),
    });
  }

  async function insert(trx: Transaction<AuthTables>, request: z.output<typeof requestSchema>) {
    await requireActingUser(trx, request);
    if (ownDigests.has(request.name)) throw nameTaken();
    if ((await countServiceAccounts(trx)) >= maxAccounts) {
      throw failedPrecondition("TOO_MANY_SERVICE_ACCOUNTS", `There are at most ${maxAccounts} accounts.`);
    }
    const secret = newSecret("ocelli_sa_");
    const serviceAccount = await insertServiceAccount(trx, {
      id: newId(),
      secretHash: hashSecret(secret),
      createdAt: now(),
      ...request,
    });
    if (!serviceAccount) throw nameTaken();
    return { serviceAccount, secret };
  }

  return {
    async issueToken({ clientId, clientSecret }, { address }) {
      const issued = await prove(clientId, clientSecret);
      if (issued) return issued;
      await countFailure(dependencies.attempts, address);
      throw unauthenticated("INVALID_CREDENTIALS", "The service account or its secret is wrong.");
    },

    create(request, held, actor) {
      const parsed = parseRequest(request);
      requireHeld(parsed.scopes, held);
      return db.transaction().execute(async (trx) => {
        const created = await insert(trx, parsed);
        await audit.record(trx, {
          actor,
          action: "service-account.created",
          userId: parsed.userId ?? undefined,
          targetId: created.serviceAccount.id,
          change: parsed.scopes.join(" "),
        });
        return created;
      });
    },

    async list({ pageSize, pageToken }) {
      const limit = resolvePageSize(pageSize, pageLimits);
      const after = decodePageToken(pageToken, z.string().regex(namePattern), listName);
      const rows = await listServiceAccounts(db, { limit: limit + 1, after });
      const serviceAccounts = rows.slice(0, limit);
      const last = rows.length > limit ? serviceAccounts.at(-1) : undefined;
      return { serviceAccounts, nextPageToken: last ? encodePageToken(last.name, listName) : "" };
    },

    async delete(id, actor) {
      await withOutbox(db, relay, async (trx) => {
        const deleted = isUuid(id) ? await deleteServiceAccount(trx, id) : undefined;
        if (!deleted) throw notFound("SERVICE_ACCOUNT_NOT_FOUND", "There is no such service account.");
        await revokeGrants(trx, [{ kind: "service-account", id }], now());
        const userId = deleted.userId ?? undefined;
        await audit.record(trx, { actor, action: "service-account.deleted", userId, targetId: id });
      });
    },
  };
}

/** An account for one user can do no more than he can. */
function allowedTo(role: string | null): (scope: string) => boolean {
  if (role === null) return () => true;
  const allowed: readonly string[] = scopesOf(role);
  return (scope) => allowed.includes(scope);
}

async function requireActingUser(
  trx: Transaction<AuthTables>,
  { userId, scopes }: z.output<typeof requestSchema>,
): Promise<void> {
  if (userId === null) return;
  const user = await lockOwner(trx, userId);
  if (!user) throw invalidRequest([{ field: "userId", description: "must be a user's id" }]);
  if (!scopes.every(allowedTo(user.role))) {
    throw invalidRequest([{ field: "scopes", description: "must be scopes that the user has" }]);
  }
}

function parseRequest(request: ServiceAccountRequest): z.output<typeof requestSchema> {
  const parsed = requestSchema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw invalidRequest(
    parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), description: message })),
  );
}

function invalidRequest(violations: Array<{ field: string; description: string }>): Error {
  return invalidArgument(
    "INVALID_SERVICE_ACCOUNT",
    "The details of the service account are not valid.",
    violations,
  );
}

function nameTaken(): Error {
  return alreadyExists("SERVICE_ACCOUNT_EXISTS", "A service account has this name already.");
}
