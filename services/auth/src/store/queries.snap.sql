-- lockOwner
select "id" as "userId", "name", "email", "role", "password_hash" as "passwordHash", "disabled_at" as "disabledAt"
  from "auth"."users"
  where "id" = $1 for update;

-- insertSession
insert into "auth"."sessions" ("id", "user_id", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_reason", "address", "user_agent", "method")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- findSightings
select "id"
  from "auth"."sessions"
  where "user_id" = $1
  limit $2;
select "id"
  from "auth"."sessions"
  where "user_id" = $1 and "address" = $2 and "user_agent" = $3
  limit $4;

-- listSessionsBeyond
select "id"
  from "auth"."sessions"
  where "user_id" = $1 and "revoked_at" is null and "expires_at" > $2 and "last_used_at" > $3
  order by "last_used_at" desc, "id" desc offset $4;

-- listOpenSessions: first page
select "id", "created_at" as "createdAt", "last_used_at" as "lastUsedAt", "expires_at" as "expiresAt", "address", "user_agent" as "userAgent", "method"
  from "auth"."sessions"
  where "user_id" = $1 and "revoked_at" is null and "expires_at" > $2 and "last_used_at" > $3
  order by "last_used_at" desc, "id" desc
  limit $4;

-- listOpenSessions: next page
select "id", "created_at" as "createdAt", "last_used_at" as "lastUsedAt", "expires_at" as "expiresAt", "address", "user_agent" as "userAgent", "method"
  from "auth"."sessions"
  where "user_id" = $1 and "revoked_at" is null and "expires_at" > $2 and "last_used_at" > $3 and ("last_used_at", "id") < ($4, $5)
  order by "last_used_at" desc, "id" desc
  limit $6;

-- lockSession
select "session"."id" as "sessionId", "session"."expires_at" as "expiresAt", "session"."revoked_at" as "revokedAt", "user"."id" as "userId", "user"."role", "user"."disabled_at" as "disabledAt"
  from "auth"."sessions" as "session"
  inner join "auth"."users" as "user" on "user"."id" = "session"."user_id"
  where "session"."id" = $1 for update of "session";

-- touchSession
update "auth"."sessions"
  set "last_used_at" = $1, "address" = $2, "user_agent" = $3
  where "id" = $4;

-- markRevoked: one
update "auth"."sessions"
  set "revoked_at" = $1, "revoked_reason" = $2
  where "user_id" = $3 and "revoked_at" is null and "expires_at" > $4 and "id" = any($5::uuid[])
  returning "id";

-- markRevoked: others
update "auth"."sessions"
  set "revoked_at" = $1, "revoked_reason" = $2
  where "user_id" = $3 and "revoked_at" is null and "expires_at" > $4 and "id" != $5
  returning "id";

-- deleteEndedSessions
delete from "auth"."sessions"
  where "id" in (select "id"
  from "auth"."sessions"
  where ("expires_at" < $1 or "revoked_at" < $2)
  limit $3);

-- insertRefreshToken
insert into "auth"."refresh_tokens" ("token_hash", "session_id", "issued_at", "expires_at", "used_at", "successor_sealed")
  values ($1, $2, $3, $4, $5, $6);

-- findSessionOfToken
select "session_id" as "sessionId"
  from "auth"."refresh_tokens"
  where "token_hash" = $1;

-- findRefreshToken
select "expires_at" as "expiresAt", "used_at" as "usedAt", "successor_sealed" as "successorSealed"
  from "auth"."refresh_tokens"
  where "token_hash" = $1;

-- markUsed
update "auth"."refresh_tokens"
  set "used_at" = $1, "successor_sealed" = $2
  where "token_hash" = $3;

-- countApiKeys
select count(*) as "count"
  from "auth"."api_keys"
  where "user_id" = $1;

-- insertApiKey
insert into "auth"."api_keys" ("id", "user_id", "name", "prefix", "secret_hash", "scopes", "created_at", "expires_at", "last_used_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  returning "id", "name", "prefix", "scopes", "created_at" as "createdAt", "expires_at" as "expiresAt", "last_used_at" as "lastUsedAt";

-- listApiKeys
select "id", "name", "prefix", "scopes", "created_at" as "createdAt", "expires_at" as "expiresAt", "last_used_at" as "lastUsedAt"
  from "auth"."api_keys"
  where "user_id" = $1 and "id" < $2
  order by "id" desc
  limit $3;

-- deleteApiKey
delete from "auth"."api_keys"
  where "user_id" = $1 and "id" = $2
  returning "id";

-- findApiKeyByHash
select "key"."id", "key"."scopes", "key"."expires_at" as "expiresAt", "user"."id" as "userId", "user"."role", "user"."disabled_at" as "disabledAt"
  from "auth"."api_keys" as "key"
  inner join "auth"."users" as "user" on "user"."id" = "key"."user_id"
  where "key"."secret_hash" = $1;

-- touchApiKey
update "auth"."api_keys"
  set "last_used_at" = $1
  where "id" = $2 and ("last_used_at" is null or "last_used_at" < $3);

-- countServiceAccounts
select count(*) as "count"
  from "auth"."service_accounts";

-- insertServiceAccount
insert into "auth"."service_accounts" ("id", "name", "secret_hash", "scopes", "user_id", "created_at", "last_used_at")
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict ("name") do nothing
  returning "id", "name", "scopes", "user_id" as "userId", "created_at" as "createdAt", "last_used_at" as "lastUsedAt";

-- listServiceAccounts
select "id", "name", "scopes", "user_id" as "userId", "created_at" as "createdAt", "last_used_at" as "lastUsedAt"
  from "auth"."service_accounts"
  where "name" > $1
  order by "name"
  limit $2;

-- deleteServiceAccount
delete from "auth"."service_accounts"
  where "id" = $1
  returning "user_id" as "userId";

-- findServiceAccount
select "account"."id", "account"."name", "account"."secret_hash" as "secretHash", "account"."scopes", "account"."user_id" as "userId", "user"."role", "user"."disabled_at" as "disabledAt"
  from "auth"."service_accounts" as "account"
  left join "auth"."users" as "user" on "user"."id" = "account"."user_id"
  where "account"."name" = $1;

-- touchServiceAccount
update "auth"."service_accounts"
  set "last_used_at" = $1
  where "id" = $2 and ("last_used_at" is null or "last_used_at" < $3);

-- insertRevocations
insert into "auth"."revocations" ("grant_id", "revoked_at")
  values ($1, $2)
  on conflict ("grant_id") do nothing;

-- listRevocations
delete from "auth"."revocations"
  where "revoked_at" < $1;
select "grant_id" as "grantId", "revoked_at" as "revokedAt"
  from "auth"."revocations"
  order by "revoked_at" desc
  limit $1;

-- listSigningKeys
select "kid", "x", "private_key" as "privateKey", "encrypted", "status", "created_at" as "createdAt", "activates_at" as "activatesAt", "retired_at" as "retiredAt"
  from "auth"."signing_keys"
  order by "activates_at" desc, "kid";

-- insertSigningKey
insert into "auth"."signing_keys" ("kid", "x", "private_key", "encrypted", "status", "created_at", "activates_at", "retired_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict do nothing;

-- lockRotation
select pg_advisory_xact_lock(hashtextextended('ocelli.auth.signing-keys', 0));

-- retireActiveKey
update "auth"."signing_keys"
  set "status" = $1, "retired_at" = $2
  where "status" = $3;

-- deleteRetiredKeys
delete from "auth"."signing_keys"
  where "status" = $1 and "retired_at" < $2;

-- replacePrivateKey
update "auth"."signing_keys"
  set "private_key" = $1, "encrypted" = $2
  where "kid" = $3 and "encrypted" = $4;
