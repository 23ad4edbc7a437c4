-- findUserIdByEmail
select "id"
  from "auth"."users"
  where "email_canonical" = $1;

-- findCredentials
select "auth"."users"."id" as "userId", "auth"."users"."email", "auth"."users"."email_canonical" as "emailCanonical", "auth"."users"."name", "auth"."users"."password_hash" as "passwordHash", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled"
  from "auth"."users"
  where "email_canonical" = $1;

-- findCredentialsOf
select "auth"."users"."id" as "userId", "auth"."users"."email", "auth"."users"."email_canonical" as "emailCanonical", "auth"."users"."name", "auth"."users"."password_hash" as "passwordHash", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled"
  from "auth"."users"
  where "id" = $1;

-- lockCredentials
select "auth"."users"."id" as "userId", "auth"."users"."email", "auth"."users"."email_canonical" as "emailCanonical", "auth"."users"."name", "auth"."users"."password_hash" as "passwordHash", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled"
  from "auth"."users"
  where "id" = $1 for update;

-- findUser
select "auth"."users"."id", "auth"."users"."email", "auth"."users"."name", "auth"."users"."role", "auth"."users"."created_at" as "createdAt", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled", (users.password_hash is not null) as "hasPassword", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled"
  from "auth"."users"
  where "auth"."users"."id" = $1;

-- insertUser: the first
select "id"
  from "auth"."users"
  limit $1;
select pg_advisory_xact_lock(hashtextextended('ocelli.auth.first-user', 0));
select "id"
  from "auth"."users"
  limit $1;
insert into "auth"."users" ("id", "email", "email_canonical", "name", "role", "password_hash", "created_at", "email_verified_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict ("email_canonical") do nothing
  returning "auth"."users"."id", "auth"."users"."email", "auth"."users"."name", "auth"."users"."role", "auth"."users"."created_at" as "createdAt", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled", (users.password_hash is not null) as "hasPassword", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled";

-- insertUser: any other
select "id"
  from "auth"."users"
  limit $1;
insert into "auth"."users" ("id", "email", "email_canonical", "name", "role", "password_hash", "created_at", "email_verified_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict ("email_canonical") do nothing
  returning "auth"."users"."id", "auth"."users"."email", "auth"."users"."name", "auth"."users"."role", "auth"."users"."created_at" as "createdAt", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled", (users.password_hash is not null) as "hasPassword", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled";

-- updatePassword
update "auth"."users"
  set "password_hash" = $1
  where "id" = $2;

-- updatePassword: with proof of the address
update "auth"."users"
  set "password_hash" = $1, "email_verified_at" = coalesce(email_verified_at, $2)
  where "id" = $3;

-- replacePasswordHash
update "auth"."users"
  set "password_hash" = $1
  where "id" = $2 and "password_hash" = $3;

-- updateEmail
select "id"
  from "auth"."users"
  where "email_canonical" = $1;
update "auth"."users"
  set "email" = $1, "email_canonical" = $2, "email_verified_at" = $3
  where "id" = $4;

-- markEmailVerified
update "auth"."users"
  set "email_verified_at" = $1
  where "id" = $2 and "email_verified_at" is null;

-- deleteLogins
delete from "auth"."api_keys"
  where "user_id" = $1
  returning "id";
delete from "auth"."recovery_codes"
  where "user_id" = $1;
delete from "auth"."identities"
  where "user_id" = $1;
delete from "auth"."second_factors"
  where "user_id" = $1
  returning "confirmed_at" as "confirmedAt";

-- insertActionToken
delete from "auth"."action_tokens"
  where "user_id" = $1 and "purpose" = $2 and "token_hash" not in (select "token_hash"
  from "auth"."action_tokens"
  where "user_id" = $3 and "purpose" = $4 and "expires_at" > $5
  order by "created_at" desc
  limit $6);
insert into "auth"."action_tokens" ("token_hash", "user_id", "purpose", "email", "email_canonical", "created_at", "expires_at")
  values ($1, $2, $3, $4, $5, $6, $7);

-- findActionToken
select "token_hash" as "tokenHash", "user_id" as "userId", "purpose", "email", "email_canonical" as "emailCanonical", "created_at" as "createdAt", "expires_at" as "expiresAt"
  from "auth"."action_tokens"
  where "token_hash" = $1 and "purpose" = $2 and "expires_at" > $3;

-- takeActionToken
delete from "auth"."action_tokens"
  where "token_hash" = $1 and "purpose" = $2 and "expires_at" > $3
  returning "token_hash" as "tokenHash", "user_id" as "userId", "purpose", "email", "email_canonical" as "emailCanonical", "created_at" as "createdAt", "expires_at" as "expiresAt";

-- deleteActionTokens
delete from "auth"."action_tokens"
  where "user_id" = $1;

-- deleteActionTokens: but those of one address
delete from "auth"."action_tokens"
  where "user_id" = $1 and ("purpose" != $2 or "email_canonical" != $3);

-- deleteVerifications
delete from "auth"."action_tokens"
  where "user_id" = $1 and "purpose" = $2 and "email_canonical" = $3;

-- deletePendingChanges
delete from "auth"."action_tokens"
  where "user_id" = $1 and "purpose" = $2 and "email_canonical" != $3;

-- countAttempt
insert into auth.attempt_windows as w (key, window_start, count, previous_count, expires_at)
values ($1, $2, 1, 0, $3)
on conflict (key) do update set
  window_start = greatest(w.window_start, excluded.window_start),
  expires_at = greatest(w.expires_at, excluded.expires_at),
  previous_count = case
    when w.window_start >= excluded.window_start then w.previous_count
    when w.window_start = $4::timestamptz then w.count
    else 0 end,
  count = case when w.window_start >= excluded.window_start then w.count + 1 else 1 end
where $5::float8 >= 1 + case
  when w.window_start >= excluded.window_start then w.count + w.previous_count * $6::float8
  when w.window_start = $7::timestamptz then w.count * $8::float8
  else 0 end
returning true as counted;

-- findWindow
select "window_start" as "windowStart", "count", "previous_count" as "previousCount"
  from "auth"."attempt_windows"
  where "key" = $1;

-- findBlock
select "blocked_until" as "blockedUntil"
  from "auth"."attempt_failures"
  where "key" = $1 and "blocked_until" > $2;

-- takeTurn
update auth.attempt_failures set blocked_until = $1::timestamptz + case when failures < $2::int then interval '0' else make_interval(secs => least($3::float8, power(2, least(20, failures - $4::int)))) end
where key = $5 and failures >= $6 and blocked_until <= $7 and expires_at > $8
returning true;

-- addFailure
insert into auth.attempt_failures as f (key, failures, blocked_until, expires_at)
values ($1, 1, $2::timestamptz + case when 1 < $3::int then interval '0' else make_interval(secs => least($4::float8, power(2, least(20, 1 - $5::int)))) end, $6)
on conflict (key) do update set
  failures = case when f.expires_at < $7::timestamptz then 1 else least(f.failures, 1000000) + 1 end,
  blocked_until = case when f.expires_at < $8::timestamptz then excluded.blocked_until
    else $9::timestamptz + case when f.failures + 1 < $10::int then interval '0' else make_interval(secs => least($11::float8, power(2, least(20, f.failures + 1 - $12::int)))) end end,
  expires_at = excluded.expires_at;

-- clearFailures
delete from "auth"."attempt_failures"
  where "key" = $1;

-- keepMark
insert into "auth"."attempt_windows" ("key", "window_start", "count", "previous_count", "expires_at")
  values ($1, $2, $3, $4, $5)
  on conflict ("key") do update
  set "expires_at" = $6;

-- hasMark
select "key"
  from "auth"."attempt_windows"
  where "key" = $1 and "expires_at" > $2;

-- purgeAttempts
delete from "auth"."attempt_windows"
  where "key" in (select "key"
  from "auth"."attempt_windows"
  where "expires_at" < $1
  order by "expires_at"
  limit $2 for update skip locked);
delete from "auth"."attempt_failures"
  where "key" in (select "key"
  from "auth"."attempt_failures"
  where "expires_at" < $1
  order by "expires_at"
  limit $2 for update skip locked);
