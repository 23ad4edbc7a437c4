-- insertMail
insert into "auth"."mails" ("id", "user_id", "recipient", "template", "content", "encrypted", "created_at", "next_attempt_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8);

-- claimMails
with "due" as materialized (select "id"
  from "auth"."mails"
  where "next_attempt_at" <= $1
  order by "next_attempt_at"
  limit $2 for update skip locked) update "auth"."mails"
  set "attempts" = "auth"."mails"."attempts" + $3, "next_attempt_at" = $4
  from "due"
  where "auth"."mails"."id" = "due"."id"
  returning "auth"."mails"."id", "auth"."mails"."recipient", "auth"."mails"."template", "auth"."mails"."content", "auth"."mails"."encrypted", "auth"."mails"."created_at" as "createdAt", "auth"."mails"."attempts" as "attempt";

-- deleteMail
delete from "auth"."mails"
  where "id" = $1 and "attempts" = $2;

-- postponeMail
update "auth"."mails"
  set "next_attempt_at" = $1, "last_error" = $2
  where "id" = $3 and "attempts" = $4;
