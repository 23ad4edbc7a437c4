-- appendFeed
with head as (
  insert into library.feed_heads as h (owner_id, last_id) values ($1, $2)
  on conflict (owner_id) do update set last_id = h.last_id + excluded.last_id
  returning last_id
), appended as (
  insert into library.feed (owner_id, id, type, at, subject_id, data)
  select $3, head.last_id - $4::bigint + e.n, e.type, clock_timestamp(), e.subject_id, e.data
  from head, unnest(
    $5::text[],
    $6::text[],
    $7::jsonb[]
  ) with ordinality as e (type, subject_id, data, n)
)
select last_id from head;

-- appendJobUpdate
with due as (
  select where not exists (
    select from (
      select at, data from library.feed
      where owner_id = $1 and subject_id = $2 and type = 'job.updated' order by id desc limit 1
    ) as last
    where last.at > clock_timestamp() - interval '1 second' and last.data->>'status' = $3
  )
), head as (
  insert into library.feed_heads as h (owner_id, last_id) select $4, 1 from due
  on conflict (owner_id) do update set last_id = h.last_id + 1
  returning last_id
), appended as (
  insert into library.feed (owner_id, id, type, at, subject_id, data)
  select $5, head.last_id, 'job.updated', clock_timestamp(), $6, $7::jsonb
  from head
)
select last_id from head;

-- readFeed
select "h"."last_id", "h"."purged_id", "f"."id", "f"."type", "f"."at", "f"."subject_id", "f"."data"
  from "library"."feed_heads" as "h"
  left join lateral (select "id", "type", "at", "subject_id", "data"
  from "library"."feed"
  where "owner_id" = $1 and "id" > $2
  order by "id"
  limit $3) as "f" on true
  where "h"."owner_id" = $4 and not exists (select
  from library.deleted_owners
  where user_id = $5)
  order by "f"."id";

-- purgeFeeds
with due as (
  select h.owner_id, bounds.upto from library.feed_heads h
  cross join lateral (
    select least(
      (select coalesce(min(w.feed_id), h.last_id) from library.webhooks w
        where w.owner_id = h.owner_id and w.enabled),
      h.purged_id + $1::bigint,
      greatest(
        h.last_id - $2::bigint,
        case when (
          select f.at from library.feed f where f.owner_id = h.owner_id order by f.id limit 1
        ) < now() - $3 * interval '1 millisecond' then (
          select max(old.id) from (
            select f.id, f.at from library.feed f
            where f.owner_id = h.owner_id order by f.id limit $4
          ) as old where old.at < now() - $5 * interval '1 millisecond'
        ) else 0 end
      )
    ) as upto
  ) as bounds
  where h.last_id > h.purged_id and bounds.upto > h.purged_id
  limit $6
), heads as (
  update library.feed_heads h set purged_id = due.upto from due where h.owner_id = due.owner_id
  returning h.owner_id, due.upto
), gone as (
  delete from library.feed f using heads where f.owner_id = heads.owner_id and f.id <= heads.upto
  returning 1
)
select count(*) as deleted from gone;

-- insertWebhook
insert into "library"."feed_heads" ("owner_id", "last_id")
  values ($1, $2)
  on conflict ("owner_id") do update
  set "last_id" = feed_heads.last_id
  returning "last_id";
select count(*) as "count"
  from "library"."webhooks"
  where "owner_id" = $1;
insert into "library"."webhooks" ("id", "owner_id", "url", "types", "secret", "sealed", "created_at", "feed_id")
  values ($1, $2, $3, $4, $5, $6, $7, $8);

-- listWebhooks
select "id", "url", "types", "created_at" as "createdAt", "enabled"
  from "library"."webhooks"
  where "owner_id" = $1
  order by "id" desc;

-- findWebhook
select "id", "url", "types", "created_at" as "createdAt", "enabled", "secret", "sealed"
  from "library"."webhooks"
  where "owner_id" = $1 and "id" = $2;

-- deleteWebhook
delete from "library"."webhooks"
  where "owner_id" = $1 and "id" = $2;

-- enableWebhook
update library.webhooks w set enabled = true, given_up = 0, feed_id = greatest(w.feed_id, h.purged_id)
from library.feed_heads h
where w.id = $1 and w.owner_id = $2 and h.owner_id = w.owner_id and not w.enabled;

-- listDeliveries
select "id", "feed_id" as "feedId", "type", "status", "attempts", "error", "created_at" as "createdAt", "next_attempt_at" as "nextAttemptAt"
  from "library"."webhook_deliveries"
  where "owner_id" = $1 and "webhook_id" = $2 and "feed_id" < $3
  order by "feed_id" desc
  limit $4;

-- retryDelivery
with found as (
  select id, status from library.webhook_deliveries
  where id = $1 and webhook_id = $2 and owner_id = $3 for update
), queued as (
  update library.webhook_deliveries d
  set status = 'PENDING', attempts = 0, next_attempt_at = now(), leased_until = null, ended_at = null
  from found where d.id = found.id and found.status = 'GIVEN_UP'
)
select status from found;

-- takeUpEntries
with behind as (
  select w.id, w.owner_id, w.feed_id, w.types from library.webhooks w
  join library.feed_heads h on h.owner_id = w.owner_id
  where w.enabled and w.feed_id < h.last_id
  order by w.id limit $1 for update of w skip locked
), entries as (
  select b.id as webhook_id, b.types, f.* from behind b cross join lateral (
    select * from library.feed
    where owner_id = b.owner_id and id > b.feed_id order by id limit $2
  ) as f
), moved as (
  update library.webhooks w set feed_id = e.upto
  from (select webhook_id, max(id) as upto from entries group by webhook_id) as e
  where w.id = e.webhook_id
), queued as (
  insert into library.webhook_deliveries (id, webhook_id, owner_id, feed_id, type, subject_id, at, data)
  select gen_random_uuid(), e.webhook_id, e.owner_id, e.id, e.type, e.subject_id, e.at, e.data from entries e
  where cardinality(e.types) = 0 or exists (
    select from unnest(e.types) as wanted
    where e.type = wanted or (right(wanted, 1) = '.' and starts_with(e.type, wanted))
  )
  on conflict (webhook_id, feed_id) do nothing
)
select count(*) as entries from entries;

-- claimDeliveries
update library.webhook_deliveries d
set attempts = d.attempts + 1, leased_until = now() + $1 * interval '1 millisecond'
from library.webhooks w
where w.id = d.webhook_id and d.id = any(array(
  select due.id from library.webhooks o cross join lateral (
    select id from library.webhook_deliveries
    where webhook_id = o.id and status = 'PENDING' and next_attempt_at <= now()
      and (leased_until is null or leased_until < now())
    order by next_attempt_at limit $2 for update skip locked
  ) as due
  where o.enabled and o.id <> all($3::uuid[])
    and o.owner_id <> all($4::uuid[]) and not exists (select from library.disabled_owners x where x.owner_id = o.owner_id and x.disabled)
  limit $5
))
returning d.id, d.webhook_id as "webhookId", d.owner_id as "ownerId", d.feed_id as "feedId", d.type, d.subject_id as "subjectId",
  d.at, d.data, d.attempts, w.url, w.secret, w.sealed;

-- settleDelivered
with settled as (
  update library.webhook_deliveries
  set status = 'DELIVERED', error = '', leased_until = null, ended_at = now()
  where id = $1 and attempts = $2 and status = 'PENDING'
  returning webhook_id
)
update library.webhooks w set given_up = 0 from settled
where w.id = settled.webhook_id and w.given_up > 0;

-- settleFailed
update library.webhook_deliveries
set error = $1, leased_until = null, next_attempt_at = now() + $2 * interval '1 millisecond'
where id = $3 and attempts = $4 and status = 'PENDING';

-- settleGivenUp
with settled as (
  update library.webhook_deliveries
  set status = 'GIVEN_UP', error = $1, leased_until = null, ended_at = now()
  where id = $2 and attempts = $3 and status = 'PENDING'
  returning webhook_id
)
update library.webhooks w
set given_up = w.given_up + 1, enabled = w.enabled and w.given_up + 1 < $4
from settled where w.id = settled.webhook_id;

-- purgeDeliveries
update library.webhooks w set enabled = false where w.enabled and (
  select count(*) from (
    select from library.webhook_deliveries d
    where d.webhook_id = w.id and d.status = 'PENDING' limit $1
  ) as waiting
) >= $2;
delete from library.webhook_deliveries where id = any(array(
  select id from library.webhook_deliveries
  where (status = 'DELIVERED' and ended_at < now() - $1 * interval '1 millisecond')
    or (status = 'GIVEN_UP' and ended_at < now() - $2 * interval '1 millisecond')
  limit $3
)) or id = any(array(
  select d.id from library.webhooks w join library.webhook_deliveries d on d.webhook_id = w.id
  where not w.enabled and d.status = 'PENDING'
    and d.created_at < now() - $4 * interval '1 millisecond'
  limit $5
));
