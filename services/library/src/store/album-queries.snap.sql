-- addPhotos
with own as (
  select p.id from library.photos p
  where p.owner_id = $1 and p.id = any($2::uuid[]) and p.trashed_at is null
  order by p.id for key share
), added as (
  insert into library.album_photos (album_id, photo_id, owner_id, added_at)
  select $3, own.id, $4, $5 from own
  on conflict (album_id, photo_id) do nothing returning photo_id
), touched as (
  update library.albums set updated_at = $6 where id = $7 and exists (select from added)
)
select id, exists (select from added where photo_id = own.id) as "isNew" from own order by id;

-- removePhotos: any
with removed as (
  delete from library.album_photos where album_id = $1 and photo_id = any($2::uuid[]) 
  returning album_id as "albumId", photo_id as "photoId", owner_id as "ownerId"
), touched as (
  update library.albums set updated_at = $3 where id = $4 and exists (select from removed)
)
select * from removed order by "photoId";

-- removePhotos: of one owner
with removed as (
  delete from library.album_photos where album_id = $1 and photo_id = any($2::uuid[]) and owner_id = $3
  returning album_id as "albumId", photo_id as "photoId", owner_id as "ownerId"
), touched as (
  update library.albums set updated_at = $4 where id = $5 and exists (select from removed)
)
select * from removed order by "photoId";

-- withdrawStrangers
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

-- removeStrangers
with recursive subtree as (
select a.id, 1 as level from library.albums a where a.id = $1 and a.owner_id = $2
union all
select below.id, subtree.level + 1 from subtree join library.albums below on below.parent_id = subtree.id
where subtree.level < $3
  )
delete from library.album_photos
where album_id in (select id from subtree) and owner_id <> $4
returning album_id as "albumId", photo_id as "photoId", owner_id as "ownerId";

-- removeSomeStrangers
delete from library.album_photos where (album_id, photo_id) in (
  select ap.album_id, ap.photo_id
  from library.albums a join library.album_photos ap on ap.album_id = a.id and ap.owner_id <> a.owner_id
  where a.owner_id = $1 limit $2
)
returning album_id as "albumId", photo_id as "photoId", owner_id as "ownerId";

-- deleteAlbums
with recursive subtree as (
select a.id, 1 as level from library.albums a where a.id = $1 and a.owner_id = $2
union all
select below.id, subtree.level + 1 from subtree join library.albums below on below.parent_id = subtree.id
where subtree.level < $3
  )
delete from library.albums where owner_id = $4 and id in (select id from subtree)
returning id, owner_id as "ownerId", name, nextval('library.album_revisions') as revision;

-- reviseAlbums
update library.albums set revision = nextval('library.album_revisions')
where owner_id = $1 and id = any($2::uuid[])
returning id, owner_id as "ownerId", name, revision;

-- listRevisedAlbums: first page
select "a"."id", "a"."owner_id" as "ownerId", "a"."name", "a"."revision"
  from "library"."albums" as "a"
  where not exists (select
  from library.deleted_owners d
  where d.user_id = a.owner_id)
  order by "a"."id"
  limit $1;

-- listRevisedAlbums: later page
select "a"."id", "a"."owner_id" as "ownerId", "a"."name", "a"."revision"
  from "library"."albums" as "a"
  where not exists (select
  from library.deleted_owners d
  where d.user_id = a.owner_id) and "a"."id" > $1
  order by "a"."id"
  limit $2;
