-- emailExists
select "id"
  from "auth"."users"
  where "email_canonical" = $1;

-- findCredentials
select "id" as "userId", "password_hash" as "passwordHash"
  from "auth"."users"
  where "email_canonical" = $1;

-- findUser
select "id", "email", "name", "role", "created_at" as "createdAt"
  from "auth"."users"
  where "id" = $1;

-- insertUser: the first
select "id"
  from "auth"."users"
  limit $1;
select pg_advisory_xact_lock(hashtextextended('ocelli.auth.first-user', 0));
select "id"
  from "auth"."users"
  limit $1;
insert into "auth"."users" ("id", "email", "email_canonical", "name", "role", "password_hash", "created_at")
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict ("email_canonical") do nothing
  returning "id", "email", "name", "role", "created_at" as "createdAt";

-- insertUser: any other
select "id"
  from "auth"."users"
  limit $1;
insert into "auth"."users" ("id", "email", "email_canonical", "name", "role", "password_hash", "created_at")
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict ("email_canonical") do nothing
  returning "id", "email", "name", "role", "created_at" as "createdAt";

-- insertSession
delete from "auth"."sessions"
  where "user_id" = $1 and "expires_at" < $2;
insert into "auth"."sessions" ("id", "user_id", "created_at", "last_used_at", "expires_at", "revoked_at", "revoked_reason")
  values ($1, $2, $3, $4, $5, $6, $7);

-- insertRefreshToken
insert into "auth"."refresh_tokens" ("token_hash", "session_id", "issued_at", "expires_at", "used_at", "successor_sealed")
  values ($1, $2, $3, $4, $5, $6);

-- lockRefreshToken
select "token"."token_hash" as "tokenHash", "token"."expires_at" as "expiresAt", "token"."used_at" as "usedAt", "token"."successor_sealed" as "successorSealed", "session"."id" as "sessionId", "session"."expires_at" as "sessionExpiresAt", "session"."revoked_at" as "revokedAt"
  from "auth"."refresh_tokens" as "token"
  inner join "auth"."sessions" as "session" on "session"."id" = "token"."session_id"
  where "token"."token_hash" = $1 for update;

-- markUsed
update "auth"."refresh_tokens"
  set "used_at" = $1, "successor_sealed" = $2
  where "token_hash" = $3;
update "auth"."sessions"
  set "last_used_at" = $1
  where "id" = $2;

-- findSessionUser
select "user"."id" as "userId", "session"."id" as "sessionId", "user"."role"
  from "auth"."sessions" as "session"
  inner join "auth"."users" as "user" on "user"."id" = "session"."user_id"
  where "session"."id" = $1;

-- revokeSessionOfToken
update "auth"."sessions"
  set "revoked_at" = $1, "revoked_reason" = $2
  where "revoked_at" is null and "id" in (select "session_id"
  from "auth"."refresh_tokens"
  where "token_hash" = $3)
  returning "id" as "sessionId", "user_id" as "userId";

-- listSigningKeys
select "kid", "x", "private_key" as "privateKey", "encrypted", "status", "created_at" as "createdAt"
  from "auth"."signing_keys"
  order by "created_at" desc;

-- insertSigningKey
insert into "auth"."signing_keys" ("kid", "x", "private_key", "encrypted", "status", "created_at")
  values ($1, $2, $3, $4, $5, $6)
  on conflict do nothing;

-- replacePrivateKey
update "auth"."signing_keys"
  set "private_key" = $1, "encrypted" = $2
  where "kid" = $3 and "encrypted" = $4;
