-- saveVector
with owner as (
  insert into search.vector_owners as o (model_number, owner_id, photos, revision)
  select $1::int, $2::uuid,
         case when exists (select from "search"."vectors_1" where photo_id = $3) then 0 else 1 end, 1
  on conflict (model_number, owner_id)
    do update set photos = o.photos + excluded.photos, revision = o.revision + 1
  returning revision
), exact as (
  insert into "search"."vectors_1" (photo_id, owner_id, sha256, withheld, vector)
  select $4::uuid, $5::uuid, $6,
         coalesce((select withheld from search.documents where photo_id = $7), false),
         $8::public.halfvec
  on conflict (photo_id) do update set vector = excluded.vector, sha256 = excluded.sha256
)
insert into "search"."vector_codes_1" (photo_id, owner_id, revision, code)
select $9::uuid, $10::uuid, revision, $11::bit(2)
from owner
on conflict (photo_id) do update set revision = excluded.revision, code = excluded.code;

-- saveVector: without pgvector
with owner as (
  insert into search.vector_owners as o (model_number, owner_id, photos, revision)
  select $1::int, $2::uuid,
         case when exists (select from "search"."vectors_2" where photo_id = $3) then 0 else 1 end, 1
  on conflict (model_number, owner_id)
    do update set photos = o.photos + excluded.photos, revision = o.revision + 1
  returning revision
), exact as (
  insert into "search"."vectors_2" (photo_id, owner_id, sha256, withheld, vector)
  select $4::uuid, $5::uuid, $6,
         coalesce((select withheld from search.documents where photo_id = $7), false),
         $8::bytea
  on conflict (photo_id) do update set vector = excluded.vector, sha256 = excluded.sha256
)
insert into "search"."vector_codes_2" (photo_id, owner_id, revision, code)
select $9::uuid, $10::uuid, revision, $11::bit(2)
from owner
on conflict (photo_id) do update set revision = excluded.revision, code = excluded.code;

-- findVectorOfBytes
select vector::text as vector from "search"."vectors_1"
where sha256 = $1 limit 1;

-- vectorOfPhoto
select vector as vector from "search"."vectors_2"
where photo_id = $1 and owner_id = $2;

-- setVectorsWithheld
select "number"
  from "search"."index_models"
  order by "number";
update "search"."vectors_1" set withheld = $1
  where photo_id = $2 and owner_id = $3 and withheld <> $4;

-- deleteVectors
select "number"
  from "search"."index_models"
  order by "number";
with exact as (
    delete from "search"."vectors_1" where photo_id = $1 and owner_id = $2 returning 1
  ), code as (
    delete from "search"."vector_codes_1" where photo_id = $3 and owner_id = $4
  )
  update search.vector_owners set photos = photos - (select count(*) from exact)
  where model_number = $5 and owner_id = $6;
delete from "search"."vector_failures"
  where "photo_id" = $1 and "owner_id" = $2;

-- findVectorOwner
select "photos", "revision"
  from "search"."vector_owners"
  where "model_number" = $1 and "owner_id" = $2;

-- countIndexed
select sum("photos") as "photos"
  from "search"."vector_owners"
  where "model_number" = $1;

-- findPhotosWithin
select d.photo_id as "photoId" from search.documents d
where d.owner_id = $1 and not d.deleted and not d.withheld and d.favorite
limit $2;

-- measurePhotos
select v.photo_id as "photoId", (1 - (v.vector <=> $1::public.halfvec))::float8 as cosine
  from "search"."vectors_1" v where v.owner_id = $2 and not v.withheld and v.photo_id = any($3::uuid[]);

-- measurePhotos: within
select v.photo_id as "photoId", (1 - (v.vector <=> $1::public.halfvec))::float8 as cosine
  from "search"."vectors_1" v where v.owner_id = $2 and not v.withheld and v.photo_id = any(array(
  select d.photo_id from search.documents d
  where d.owner_id = $3 and d.photo_id = any($4::uuid[]) and not d.deleted and not d.withheld and d.favorite
));

-- measurePhotos: without pgvector
select v.photo_id as "photoId", v.vector from "search"."vectors_2" v where v.owner_id = $1 and not v.withheld and v.photo_id = any($2::uuid[]);

-- scanOwner
select v.photo_id as "photoId", (1 - (v.vector <=> $1::public.halfvec))::float8 as cosine
from "search"."vectors_1" v
where v.owner_id = $2 and not v.withheld 
order by v.vector <=> $3::public.halfvec
limit $4;

-- scanGraph: within
select set_config('hnsw.ef_search', $1, true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.max_scan_tuples', $2, true),
       set_config('hnsw.scan_mem_multiplier', $3, true);
select v.photo_id as "photoId", (1 - (v.vector <=> $1::public.halfvec))::float8 as cosine
from "search"."vectors_1" v
where v.owner_id = $2 and not v.withheld 
and v.photo_id in (
  select d.photo_id from search.documents d
  where d.owner_id = $3 and not d.deleted and not d.withheld and d.favorite
)
order by v.vector <=> $4::public.halfvec
limit $5;

-- scanCodes
select photo_id as "photoId" from "search"."vector_codes_1"
where owner_id = $1
order by bit_count(code # $2::bit(2))
limit $3;

-- readCodes
select string_agg(uuid_send(photo_id) || substring(bit_send(code) from 5), ''::bytea) as bytes,
       max(revision) as revision
from (
  select photo_id, code, revision from "search"."vector_codes_1"
  where owner_id = $1 and revision > $2 order by revision limit $3
) as page;

-- listModels
select "number", "model", "dimension", "storage", "has_graph", "active", "filling"
  from "search"."index_models"
  order by "active" desc, "number" desc;

-- registerModel
select pg_advisory_xact_lock(hashtextextended('search index_models', 0));
select "number", "model", "dimension", "storage", "has_graph", "active", "filling"
  from "search"."index_models"
  order by "active" desc, "number" desc;

-- isStored
select "number"
  from "search"."index_models"
  where "number" = $1;

-- pointTo
update "search"."index_models"
  set "active" = $1, "filling" = $2
  where "active" = $3;
update "search"."index_models"
  set "active" = $1
  where "number" = $2;

-- beginFilling
update "search"."index_models"
  set "filling" = $1, "filler" = $2, "filler_until" = $3
  where "number" = $4;

-- removeModel
delete from "search"."index_models"
  where "number" = $1;
drop table if exists "search"."vectors_1", "search"."vector_codes_1";

-- lockActiveModel
select "model"
  from "search"."index_models"
  where "active" = $1 for share;

-- countVectors
select (select count(*) from "search"."vectors_1") as filled,
       (select count(*) from search.documents where not deleted) as total,
       (select count(*) from search.vector_failures f
          where f.model_number = $1
            and not exists (select from "search"."vectors_1" v where v.photo_id = f.photo_id)
       ) as failed;

-- countLost
select count(*) as lost from "search"."vectors_1" v
where not exists (select from "search"."vectors_2" n where n.photo_id = v.photo_id)
  and not exists (
    select from search.vector_failures f where f.photo_id = v.photo_id and f.model_number = $1
  );

-- findUnfilled
select d.photo_id as "photoId", d.owner_id as "ownerId", d.sha256
from search.documents d
where not d.deleted
  and not exists (select from "search"."vectors_1" v where v.photo_id = d.photo_id)
  and not exists (
    select from search.vector_failures f where f.photo_id = d.photo_id and f.model_number = $1
  )
order by d.photo_id desc
limit $2;

-- findUnmarked
select d.photo_id as "photoId", d.owner_id as "ownerId", d.sha256
from search.documents d
where not d.deleted
  and not exists (select from search.pictures p where p.photo_id = d.photo_id)
  and not exists (
    select from search.vector_failures f where f.photo_id = d.photo_id and f.model_number = $1
  )
order by d.photo_id desc
limit $2;

-- fillingMark
select concat_ws(' ',
  (select sum(o.revision) from search.vector_owners o
     join search.index_models m on m.number = o.model_number where m.active),
  (select count(*) from search.vector_failures where model_number = $1)
) as mark;

-- endFilling
update "search"."index_models"
  set "filling" = $1
  where "number" = $2 and "filler" = $3;

-- lockDocument
select "photo_id"
  from "search"."documents"
  where "photo_id" = $1 and "owner_id" = $2 and "deleted" = $3 for update;

-- saveFailure
insert into "search"."vector_failures" ("model_number", "photo_id", "owner_id", "reason")
  values ($1, $2, $3, $4)
  on conflict ("model_number", "photo_id") do update
  set "reason" = $5;

-- clearFailures
delete from "search"."vector_failures"
  where "model_number" = $1;

-- leaseFilling
update search.index_models
set filler = $1, filler_until = now() + $2 * interval '1 millisecond'
where filling and (filler is null or filler = $3 or filler_until < now())
returning number;

-- releaseFilling
update "search"."index_models"
  set "filler" = $1, "filler_until" = $2
  where "filler" = $3;

-- sampleOfBoth
select v.photo_id as "photoId", v.owner_id as "ownerId"
from "search"."vectors_1" v
join "search"."vectors_2" w on w.photo_id = v.photo_id
where not v.withheld
order by md5(v.photo_id::text)
limit $1;
