-- listUsers: first page
select "auth"."users"."id", "auth"."users"."email", "auth"."users"."name", "auth"."users"."role", "auth"."users"."created_at" as "createdAt", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled", (users.password_hash is not null) as "hasPassword", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled"
  from "auth"."users"
  order by "auth"."users"."created_at", "auth"."users"."id"
  limit $1;

-- listUsers: next page, some
select "auth"."users"."id", "auth"."users"."email", "auth"."users"."name", "auth"."users"."role", "auth"."users"."created_at" as "createdAt", (users.email_verified_at is not null) as "emailVerified", (users.disabled_at is not null) as "disabled", (users.password_hash is not null) as "hasPassword", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled"
  from "auth"."users"
  where (users.created_at, users.id) > ($1::timestamptz, $2::uuid) and ("auth"."users"."email" ilike $3 or "auth"."users"."name" ilike $4)
  order by "auth"."users"."created_at", "auth"."users"."id"
  limit $5;

-- lockAdmins
select "id"
  from "auth"."users"
  where "role" = $1 and "disabled_at" is null
  order by "id" for update;

-- isActiveAdmin
select "id"
  from "auth"."users"
  where "id" = $1 and "role" = $2 and "disabled_at" is null;

-- lockUser
select "name", "role", "disabled_at" as "disabledAt"
  from "auth"."users"
  where "id" = $1 for update;

-- updateUser
update "auth"."users"
  set "name" = $1, "role" = $2, "disabled_at" = $3
  where "id" = $4;

-- deleteUser
delete from "auth"."users"
  where "id" = $1;

-- deleteApiKeysOf
delete from "auth"."api_keys"
  where "user_id" = $1
  returning "id";

-- deleteServiceAccountsOf
delete from "auth"."service_accounts"
  where "user_id" = $1
  returning "id";

-- insertAuditEntry
insert into "auth"."audit_log" ("id", "at", "actor", "action", "subject_user_id", "target_id", "outcome", "reason", "address", "user_agent")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- listAuditEntries: all
select "id", "at", "actor", "action", "subject_user_id" as "subjectUserId", "target_id" as "targetId", "outcome", "reason", "address", "user_agent" as "userAgent"
  from "auth"."audit_log"
  order by "id" desc
  limit $1;

-- listAuditEntries: some
select "id", "at", "actor", "action", "subject_user_id" as "subjectUserId", "target_id" as "targetId", "outcome", "reason", "address", "user_agent" as "userAgent"
  from "auth"."audit_log"
  where "id" < $1 and "action" like $2 and "outcome" = $3 and "at" >= $4 and "at" < $5
  order by "id" desc
  limit $6;

-- listAuditEntries: an action
select "id", "at", "actor", "action", "subject_user_id" as "subjectUserId", "target_id" as "targetId", "outcome", "reason", "address", "user_agent" as "userAgent"
  from "auth"."audit_log"
  where "action" = $1
  order by "id" desc
  limit $2;

-- listAuditEntries: by or about somebody
with "about_user" as (select "id", "at", "actor", "action", "subject_user_id" as "subjectUserId", "target_id" as "targetId", "outcome", "reason", "address", "user_agent" as "userAgent"
  from "auth"."audit_log"
  where "id" < $1 and "subject_user_id" = $2
  order by "id" desc
  limit $3), "by_user" as (select "id", "at", "actor", "action", "subject_user_id" as "subjectUserId", "target_id" as "targetId", "outcome", "reason", "address", "user_agent" as "userAgent"
  from "auth"."audit_log"
  where "id" < $4 and "actor" = $5
  order by "id" desc
  limit $6) select *
  from "about_user" union select *
  from "by_user"
  order by "id" desc
  limit $7;

-- deleteAuditEntries
delete from "auth"."audit_log"
  where "id" in (select "id"
  from "auth"."audit_log"
  where "at" < $1 and "at" < now() - interval '30 days'
  order by "at"
  limit $2);
