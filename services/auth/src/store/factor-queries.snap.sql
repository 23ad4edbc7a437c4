-- findSecondFactor
select "secret", "encrypted", "created_at" as "createdAt", "confirmed_at" as "confirmedAt"
  from "auth"."second_factors"
  where "user_id" = $1;

-- findSecondFactor: locked
select "secret", "encrypted", "created_at" as "createdAt", "confirmed_at" as "confirmedAt"
  from "auth"."second_factors"
  where "user_id" = $1 for update;

-- putEnrolment
insert into "auth"."second_factors" ("user_id", "secret", "encrypted", "created_at", "confirmed_at", "last_step")
  values ($1, $2, $3, $4, $5, $6)
  on conflict ("user_id") do update
  set "secret" = $7, "encrypted" = $8, "created_at" = $9
  where "auth"."second_factors"."confirmed_at" is null
  returning "user_id";

-- confirmEnrolment
update "auth"."second_factors"
  set "confirmed_at" = $1, "last_step" = $2
  where "user_id" = $3 and "secret" = $4 and "confirmed_at" is null
  returning "user_id";

-- useStep
update "auth"."second_factors"
  set "last_step" = $1
  where "user_id" = $2 and "secret" = $3 and "confirmed_at" is not null and "last_step" < $4
  returning "user_id";

-- deleteSecondFactor
delete from "auth"."second_factors"
  where "user_id" = $1 and "confirmed_at" is not null
  returning "user_id";
delete from "auth"."recovery_codes"
  where "user_id" = $1;

-- replaceRecoveryCodes
delete from "auth"."recovery_codes"
  where "user_id" = $1;
insert into "auth"."recovery_codes" ("user_id", "code_hash")
  values ($1, $2);

-- useRecoveryCode
delete from "auth"."recovery_codes"
  where "user_id" = $1 and "code_hash" = $2
  returning "user_id";

-- countRecoveryCodes
select count(*) as "count"
  from "auth"."recovery_codes"
  where "user_id" = $1;

-- listReadableSecrets
select "user_id" as "userId", "secret"
  from "auth"."second_factors"
  where "encrypted" = $1
  order by "user_id"
  limit $2;

-- sealSecret
update "auth"."second_factors"
  set "secret" = $1, "encrypted" = $2
  where "user_id" = $3 and "secret" = $4 and "encrypted" = $5;

-- findSessionOpenedAt
select "created_at" as "openedAt"
  from "auth"."sessions"
  where "id" = $1 and "user_id" = $2 and "revoked_at" is null;

-- hasPassword
select "password_hash" is not null as "has"
  from "auth"."users"
  where "id" = $1;

-- insertOidcLogin
delete from "auth"."oidc_logins"
  where "expires_at" <= $1;
insert into "auth"."oidc_logins" ("state_hash", "browser_hash", "code_verifier", "nonce", "return_to", "user_id", "session_id", "expires_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8);

-- takeOidcLogin
delete from "auth"."oidc_logins"
  where "state_hash" = $1
  returning "state_hash" as "stateHash", "browser_hash" as "browserHash", "code_verifier" as "codeVerifier", "nonce", "return_to" as "returnTo", "user_id" as "userId", "session_id" as "sessionId", "expires_at" as "expiresAt";

-- findIdentityUser
select "user_id" as "userId"
  from "auth"."identities"
  where "issuer" = $1 and "subject" = $2;

-- insertIdentity
insert into "auth"."identities" ("issuer", "subject", "user_id", "linked_at")
  values ($1, $2, $3, $4)
  on conflict ("issuer", "subject") do nothing
  returning "user_id" as "userId";

-- listIdentities
select "issuer", "subject", "linked_at" as "linkedAt"
  from "auth"."identities"
  where "user_id" = $1
  order by "linked_at", "issuer", "subject";

-- deleteIdentity
delete from "auth"."identities"
  where "issuer" = $1 and "subject" = $2 and "user_id" = $3;

-- lockAccountByEmail
select "id", "email_verified_at" as "verifiedAt", "disabled_at" as "disabledAt", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled"
  from "auth"."users"
  where "email_canonical" = $1 for update;

-- lockAccount
select "id", "email_verified_at" as "verifiedAt", "disabled_at" as "disabledAt", exists (select
  from auth.second_factors
  where user_id = users.id and confirmed_at is not null) as "twoFactorEnabled"
  from "auth"."users"
  where "id" = $1 for update;
