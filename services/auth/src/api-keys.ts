import {
  type CallOrigin,
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  invalidArgument,
  isUuid,
  notFound,
  permissionDenied,
  type Relay,
  resolvePageSize,
  unauthenticated,
  withOutbox,
} from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import { z } from "zod";
import { type AccessTokens, type IssuedAccessToken, scopesOf } from "./access-tokens.ts";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import { countFailure } from "./failed-credentials.ts";

import { displayName } from "./names.ts";
import { requestedScopes, requireHeld } from "./requested-scopes.ts";
import { revokeGrants } from "./revocation.ts";
import { hashSecret, isSecret, newSecret, shownPrefixLength } from "./secrets.ts";
import {
  type ApiKey,
  countApiKeys,
  deleteApiKey,
  findApiKeyByHash,
  insertApiKey,
  listApiKeys,
  touchApiKey,
} from "./store/api-keys.ts";
import { lockOwner } from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

/** What a key is made of. */
export interface ApiKeyRequest {
  name: string;
  scopes: readonly string[];
  /** Absent for never. */
  expiresAt?: Date | undefined;
}

/** Whose keys, and what the token in hand allows; without a token (the command line) the role alone decides. */
export interface ApiKeyOwner {
  userId: string;
  held?: ReadonlySet<string>;
}

/** Rules of API keys. */
export interface ApiKeys {
  /**
   * Makes a key; its secret is returned this once.
   * @throws AppError INVALID_ARGUMENT/INVALID_API_KEY_REQUEST with the fields at fault, PERMISSION_DENIED/
   * {SCOPE_NOT_HELD,ACCOUNT_DISABLED}, FAILED_PRECONDITION/TOO_MANY_API_KEYS, NOT_FOUND/USER_NOT_FOUND.
   */
  create(
    request: ApiKeyRequest,
    owner: ApiKeyOwner,
    actor: Actor,
  ): Promise<{ apiKey: ApiKey; secret: string }>;
  /** @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(
    userId: string,
    page: { pageSize: number; pageToken: string },
  ): Promise<{ apiKeys: ApiKey[]; nextPageToken: string }>;
  /** Ends a key at once. @throws AppError NOT_FOUND/API_KEY_NOT_FOUND. */
  delete(key: { userId: string; id: string }, actor: Actor): Promise<void>;
  /**
   * An access token for a key. Its scopes are those of the key that its owner still has.
   * @throws AppError UNAUTHENTICATED/INVALID_API_KEY, alike for every key that gives nothing;
   * RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS after many of those from one address.
   */
  exchange(secret: string, origin: CallOrigin): Promise<IssuedAccessToken & { apiKeyId: string }>;
}

/** What {@link createApiKeys} needs. */
export interface ApiKeysDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  accessTokens: Pick<AccessTokens, "forApiKey">;
  audit: AuditLog;
  attempts: Pick<AttemptLimits, "admit" | "failed">;
  now: () => Date;
  newId: () => string;
}

const maxKeys = 50;
const pageLimits = { defaultSize: 50, maxSize: 100 };
// Often enough to tell a key in use from a forgotten one, seldom enough not to write with every request.
const touchEveryMs = 5 * 60_000;
const latestExpiry = new Date("9999-12-31T23:59:59Z");

/** Creates the rules. */
export function createApiKeys(dependencies: ApiKeysDependencies): ApiKeys {
  const { db, relay, audit, now, newId } = dependencies;

  async function insert(
    trx: Transaction<AuthTables>,
    request: z.output<ReturnType<typeof requestSchema>>,
    { userId, held }: ApiKeyOwner,
  ): Promise<{ apiKey: ApiKey; secret: string }> {
    // Locked, so that keys made at once are counted one after the other.
    const owner = await lockOwner(trx, userId);
    if (!owner) throw notFound("USER_NOT_FOUND", "There is no such user.");
    if (owner.disabledAt) throw permissionDenied("ACCOUNT_DISABLED", "The account is closed.");
    const byRole: readonly string[] = scopesOf(owner.role);
    requireHeld(request.scopes, (scope) => byRole.includes(scope) && (held?.has(scope) ?? true));
    if ((await countApiKeys(trx, userId)) >= maxKeys) {
      throw failedPrecondition("TOO_MANY_API_KEYS", `An account has at most ${maxKeys} API keys.`);
    }
    const secret = newSecret("ocelli_ak_");
    const apiKey = await insertApiKey(trx, {
      id: newId(),
      userId,
      prefix: secret.slice(0, shownPrefixLength),
      secretHash: hashSecret(secret),
      createdAt: now(),
      ...request,
    });
    return { apiKey, secret };
  }

  return {
    create(request, owner, actor) {
      const parsed = parseRequest(request, now());
      return db.transaction().execute(async (trx) => {
        const created = await insert(trx, parsed, owner);
        await audit.record(trx, {
          actor,
          action: "api-key.created",
          userId: owner.userId,
          targetId: created.apiKey.id,
          change: parsed.scopes.join(" "),
        });
        return created;
      });
    },

    async list(userId, { pageSize, pageToken }) {
      const listName = `api-keys ${userId}`;
      const limit = resolvePageSize(pageSize, pageLimits);
      const before = decodePageToken(pageToken, z.uuid(), listName);
      const rows = await listApiKeys(db, userId, { limit: limit + 1, before });
      const apiKeys = rows.slice(0, limit);
      const last = rows.length > limit ? apiKeys.at(-1) : undefined;
      return { apiKeys, nextPageToken: last ? encodePageToken(last.id, listName) : "" };
    },

    async delete({ userId, id }, actor) {
      await withOutbox(db, relay, async (trx) => {
        if (!isUuid(id) || !(await deleteApiKey(trx, { userId, id }))) {
          throw notFound("API_KEY_NOT_FOUND", "There is no such API key.");
        }
        await revokeGrants(trx, [{ kind: "api-key", id, userId }], now());
        await audit.record(trx, { actor, action: "api-key.deleted", userId, targetId: id });
      });
    },

    async exchange(secret, { address }) {
      // Looked up whatever it is: a key that is none takes as long as one that was deleted.
      const text = isSecret("ocelli_ak_", secret) ? secret : "";
      const key = await findApiKeyByHash(db, hashSecret(text));
      const at = now();
      if (!key || key.disabledAt || (key.expiresAt && key.expiresAt <= at)) {
        await countFailure(dependencies.attempts, address);
        throw unauthenticated("INVALID_API_KEY", "The API key is not valid.");
      }
      await touchApiKey(db, { id: key.id, at, unlessSince: new Date(at.getTime() - touchEveryMs) });
      const allowed: readonly string[] = scopesOf(key.role);
      const issued = await dependencies.accessTokens.forApiKey({
        userId: key.userId,
        keyId: key.id,
        scopes: key.scopes.filter((scope) => allowed.includes(scope)),
        expiresAt: key.expiresAt,
      });
      return { ...issued, apiKeyId: key.id };
    },
  };
}

function requestSchema(at: Date) {
  return z.object({
    name: displayName,
    scopes: requestedScopes,
    expiresAt: z
      .date("must be a time")
      .refine((time) => time > at, "must be in the future")
      .refine((time) => time <= latestExpiry, "must be before the year 10000")
      .nullish()
      .transform((time) => time ?? null),
  });
}

function parseRequest(request: ApiKeyRequest, at: Date): z.output<ReturnType<typeof requestSchema>> {
  const parsed = requestSchema(at).safeParse(request);
  if (parsed.success) return parsed.data;
  throw invalidArgument(
    "INVALID_API_KEY_REQUEST",
    "The details of the API key are not valid.",
    parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), description: message })),
  );
}
