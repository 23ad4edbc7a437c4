-- saveClosure
insert into library.disabled_owners as known (owner_id, disabled, event_id)
values ($1, $2, $3)
on conflict (owner_id) do update
set disabled = excluded.disabled, event_id = excluded.event_id, at = now()
where known.event_id < excluded.event_id;

-- findLink
select l.id, l.owner_id as "ownerId", l.password_hash as "passwordHash", l.expires_at as "expiresAt"
from library.album_links l
where l.secret_hash = $1 and (l.expires_at is null or l.expires_at > $2) and not exists (select from library.deleted_owners d where d.user_id = l.owner_id)
  and not exists (select from library.disabled_owners x where x.owner_id = l.owner_id and x.disabled);

-- findVisit
select l.id as "linkId", a.id as "albumId", a.name, a.description, l.originals
from library.link_visits v
join library.album_links l on l.id = v.link_id
join library.albums a on a.id = l.album_id
where v.token_hash = $1 and v.expires_at > $2
  and (l.expires_at is null or l.expires_at > $3) and not exists (select from library.deleted_owners d where d.user_id = l.owner_id)
  and not exists (select from library.disabled_owners x where x.owner_id = l.owner_id and x.disabled);

-- deleteMade: links
delete from "library"."album_links" where id = any(array(
  select id from "library"."album_links"
  where owner_id = $1 and created_at <= $2 limit $3
));

-- deleteMade: webhooks
delete from "library"."webhooks" where id = any(array(
  select id from "library"."webhooks"
  where owner_id = $1 and created_at <= $2 limit $3
));

-- deleteUnfinishedUploads
delete from "library"."uploads"
  where "owner_id" = $1 and "created_at" <= $2 and "photo_id" is null;

-- endSharesGiven
select pg_advisory_xact_lock(hashtextextended($1, 0));
delete from library.album_shares where ctid = any(array(
  select ctid from library.album_shares where owner_id = $1 and created_at <= $2 limit $3
))
returning album_id as "albumId";
with recursive subtree as (
select a.id, 1 as level from library.albums a where a.id = $1 and a.owner_id = $2
union all
select below.id, subtree.level + 1 from subtree join library.albums below on below.parent_id = subtree.id
where subtree.level < $3
  ),
  chain as (
select a.id as album_id, a.id, a.parent_id, a.owner_id, 1 as level from library.albums a where a.id in (select subtree.id from subtree)
union all
select chain.album_id, above.id, above.parent_id, above.owner_id, chain.level + 1
from chain join library.albums above on above.id = chain.parent_id
where chain.level < $4)
delete from library.album_photos ap
where ap.album_id in (select id from subtree) and ap.owner_id <> $5 and not exists (
  select from chain join library.album_shares s on s.album_id = chain.id
  where chain.album_id = ap.album_id and s.user_id = ap.owner_id
)
returning album_id as "albumId", photo_id as "photoId", owner_id as "ownerId";
