-- savePicture
delete from search.picture_bands b using search.pictures p, generate_series(0, 3) as band
where p.photo_id = $1 and p.owner_id = $2 and p.hash is not null
  and b.owner_id = p.owner_id and b.photo_id = p.photo_id
  and b.value = (band * 65536 + ((p.hash >> (band * 16)) & 65535))::int;
insert into "search"."pictures" ("photo_id", "owner_id", "sha256", "hash", "turned", "sharpness")
  values ($1, $2, $3, $4, $5, $6)
  on conflict ("photo_id") do update
  set "sha256" = $7, "hash" = $8, "turned" = $9, "sharpness" = $10;
insert into "search"."picture_bands" ("owner_id", "value", "photo_id", "hash")
  values ($1, $2, $3, $4), ($5, $6, $7, $8), ($9, $10, $11, $12), ($13, $14, $15, $16);

-- findMarksOfBytes
select hash::text as "hash", turned::text[] as "turned", "sharpness"
  from "search"."pictures"
  where "sha256" = $1
  limit $2;

-- findPicture
select hash::text as "hash", turned::text[] as "turned", "sharpness", "sha256"
  from "search"."pictures"
  where "photo_id" = $1 and "owner_id" = $2;

-- findSameBytes
select "photo_id"
  from "search"."pictures"
  where "owner_id" = $1 and "sha256" = $2 and "photo_id" <> $3
  order by "photo_id" desc
  limit $4;

-- findNearHashes
select distinct photo_id as "photoId", bit_count((b.hash # $1::bigint)::bit(64))::int as distance, least(64, bit_count((b.hash # $2::bigint)::bit(64))::int, bit_count((b.hash # $3::bigint)::bit(64))::int, bit_count((b.hash # $4::bigint)::bit(64))::int) as "turnedDistance"
from search.picture_bands b
where owner_id = $5 and value = any($6::int[]) and photo_id <> $7
  and (bit_count((b.hash # $8::bigint)::bit(64))::int <= $9 or least(64, bit_count((b.hash # $10::bigint)::bit(64))::int, bit_count((b.hash # $11::bigint)::bit(64))::int, bit_count((b.hash # $12::bigint)::bit(64))::int) <= $13)
order by distance, photo_id desc
limit $14;

-- deletePicture
delete from search.picture_bands b using search.pictures p, generate_series(0, 3) as band
where p.photo_id = $1 and p.owner_id = $2 and p.hash is not null
  and b.owner_id = p.owner_id and b.photo_id = p.photo_id
  and b.value = (band * 65536 + ((p.hash >> (band * 16)) & 65535))::int;
delete from "search"."pictures"
  where "photo_id" = $1 and "owner_id" = $2;

-- listKnownPairs
select other_id as "otherId", xmin::text as version from search.duplicate_pairs
where owner_id = $1 and photo_id = $2;

-- replacePairs
select photo_id as "photoId" from search.documents
where owner_id = $1 and photo_id = any($2::uuid[]) and not deleted
order by photo_id for no key update;
with mine as (
  delete from search.duplicate_pairs p
  using jsonb_to_recordset($1::jsonb) as known("otherId" uuid, version text)
  where p.owner_id = $2 and p.photo_id = $3 and p.other_id = known."otherId"
    and p.xmin::text = known.version
  returning p.other_id
)
delete from search.duplicate_pairs p using mine
where p.owner_id = $4 and p.photo_id = mine.other_id and p.other_id = $5;
insert into "search"."duplicate_pairs" ("owner_id", "photo_id", "other_id", "exact", "distance")
  values ($1, $2, $3, $4, $5), ($6, $7, $8, $9, $10)
  on conflict ("owner_id", "photo_id", "other_id") do update
  set "exact" = "excluded"."exact", "distance" = "excluded"."distance";

-- listNewestOfGroups
select p.photo_id as "photoId"
from search.duplicate_pairs p
where p.owner_id = $1 and p.photo_id < $2 and (p.exact or not $3) and 
  exists (select from search.documents d
    where d.photo_id = p.photo_id and d.owner_id = p.owner_id and not d.deleted and not d.withheld)
  and exists (select from search.documents d
    where d.photo_id = p.other_id and d.owner_id = p.owner_id and not d.deleted and not d.withheld)
  and not exists (select from search.kept_duplicates k where k.owner_id = p.owner_id
    and k.photo_id = least(p.photo_id, p.other_id) and k.other_id = greatest(p.photo_id, p.other_id))
group by p.photo_id
having bool_and(p.other_id < p.photo_id)
order by p.photo_id desc
limit $4;

-- listOpenPairs
select p.photo_id as "photoId", p.other_id as "otherId"
from search.duplicate_pairs p
where p.owner_id = $1 and p.photo_id = any($2::uuid[])
  and (p.exact or not $3) and 
  exists (select from search.documents d
    where d.photo_id = p.photo_id and d.owner_id = p.owner_id and not d.deleted and not d.withheld)
  and exists (select from search.documents d
    where d.photo_id = p.other_id and d.owner_id = p.owner_id and not d.deleted and not d.withheld)
  and not exists (select from search.kept_duplicates k where k.owner_id = p.owner_id
    and k.photo_id = least(p.photo_id, p.other_id) and k.other_id = greatest(p.photo_id, p.other_id))
order by p.distance, p.other_id desc;

-- listComparablePhotos
select p.photo_id as "photoId", p.sha256, p.hash::text as hash, p.turned::text[] as turned, p.sharpness,
       coalesce(d.width, 0) as width, coalesce(d.height, 0) as height,
       coalesce(d.size_bytes, 0)::float8 as "sizeBytes"
from search.pictures p join search.documents d on d.photo_id = p.photo_id and d.owner_id = p.owner_id
where p.owner_id = $1 and p.photo_id = any($2::uuid[]);

-- keepPairs
insert into search.kept_duplicates (owner_id, photo_id, other_id)
select $1, a, b from unnest($2::uuid[]) a cross join unnest($3::uuid[]) b where a < b
on conflict do nothing;

-- unkeepPairs
delete from "search"."kept_duplicates"
  where "owner_id" = $1 and "photo_id" in ($2, $3) and "other_id" in ($4, $5);

-- listKeptPairs
select photo_id as "photoId", other_id as "otherId" from search.kept_duplicates
where owner_id = $1 and photo_id = any($2::uuid[]) and other_id = any($3::uuid[]);

-- deleteDecisions
delete from "search"."kept_duplicates"
  where "owner_id" = $1 and ("photo_id" = $2 or "other_id" = $3);
