-- findBytes
select "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", "p"."id"
  from "library"."images" as "i"
  left join "library"."photos" as "p" on "p"."sha256" = "i"."sha256" and "p"."owner_id" = $1
  where "i"."sha256" = $2;

-- insertPhoto
with "settled" as (delete from "library"."loose_blobs"
  where "sha256" = $1), "image" as (insert into "library"."images" ("sha256", "media_type", "width", "height", "size_bytes", "taken_at", "exif")
  values ($2, $3, $4, $5, $6, $7, $8)
  on conflict ("sha256") do nothing
  returning "sha256"), "photo" as (insert into "library"."photos" ("id", "owner_id", "sha256", "filename", "favorite", "created_at")
  values ($9, $10, $11, $12, $13, $14)
  on conflict ("owner_id", "sha256") do nothing
  returning "id", "owner_id") insert into "library"."photo_stages" ("photo_id", "owner_id", "stage", "status") select "photo"."id", "photo"."owner_id", unnest($15::text[]) as "stage", 'PENDING' as "status"
  from "photo"
  returning exists (select "sha256"
  from "image") as "imageIsNew";

-- lockUpload
select pg_advisory_xact_lock(hashtextextended('bytes ' || $1::text, 0)), pg_advisory_xact_lock_shared(hashtextextended($2, 0));

-- lockBytes
select pg_advisory_xact_lock(key) from (
  select distinct hashtextextended('bytes ' || "sha256"::text, 0) as key from unnest($1::text[]) as sha256 order by key
) as keys;

-- announceBlobs
insert into "library"."loose_blobs" ("sha256")
  values ($1)
  on conflict ("sha256") do nothing;

-- listLoose
select "sha256"
  from "library"."loose_blobs"
  where "since" < now() - interval '10 minutes'
  order by "sha256"
  limit $1;

-- findUnused
select "l"."sha256"
  from "library"."loose_blobs" as "l"
  where "l"."sha256" = any($1::text[]) and not exists (select "i"."sha256"
  from "library"."images" as "i"
  where "i"."sha256" = "l"."sha256");

-- settleLoose
delete from "library"."loose_blobs"
  where "sha256" = any($1::text[]);

-- deletePhotosOf
select "id", "sha256"
  from "library"."photos"
  where "owner_id" = $1
  order by "id"
  limit $2;
select pg_advisory_xact_lock(key) from (
  select distinct hashtextextended('bytes ' || "sha256"::text, 0) as key from unnest($1::text[]) as sha256 order by key
) as keys;
delete from "library"."photos"
  where "id" = any($1::uuid[]);
with unused as (
  delete from library.images i
  where sha256 = any($1::text[])
    and not exists (select from library.photos p where p.sha256 = i.sha256)
  returning sha256
)
insert into library.loose_blobs (sha256, since) select sha256, '-infinity' from unused
on conflict (sha256) do update set since = excluded.since;

-- findUsage
select "photos", "bytes", "max_photos" as "maxPhotos", "max_bytes" as "maxBytes"
  from "library"."owner_usage"
  where "owner_id" = $1;

-- countPhoto
insert into "library"."owner_usage" ("owner_id", "photos", "bytes")
  values ($1, $2, $3)
  on conflict ("owner_id") do update
  set "photos" = owner_usage.photos + 1, "bytes" = owner_usage.bytes + excluded.bytes
  returning "photos", "bytes", "max_photos" as "maxPhotos", "max_bytes" as "maxBytes";

-- saveQuota
insert into "library"."owner_usage" ("owner_id", "max_photos", "max_bytes")
  values ($1, $2, $3)
  on conflict ("owner_id") do update
  set "max_photos" = $4, "max_bytes" = $5
  returning "photos", "bytes", "max_photos" as "maxPhotos", "max_bytes" as "maxBytes";

-- findPhoto
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", (select coalesce(json_agg(agg), '[]')
  from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms"
  from "library"."photo_stages" as "s"
  where "s"."photo_id" = "p"."id" and "s"."owner_id" = $1) as agg) as "stages"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $2 and not exists (select
  from library.deleted_owners
  where user_id = $3) and "p"."id" = $4;

-- listPhotos: first page
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", (select coalesce(json_agg(agg), '[]')
  from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms"
  from "library"."photo_stages" as "s"
  where "s"."photo_id" = "p"."id" and "s"."owner_id" = $1) as agg) as "stages"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $2 and not exists (select
  from library.deleted_owners
  where user_id = $3)
  order by "p"."id" desc
  limit $4;

-- listPhotos: next page
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", (select coalesce(json_agg(agg), '[]')
  from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms"
  from "library"."photo_stages" as "s"
  where "s"."photo_id" = "p"."id" and "s"."owner_id" = $1) as agg) as "stages"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $2 and not exists (select
  from library.deleted_owners
  where user_id = $3) and "p"."id" < $4
  order by "p"."id" desc
  limit $5;

-- findContent
select "i"."sha256", "i"."media_type"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $1 and not exists (select
  from library.deleted_owners
  where user_id = $2) and "p"."id" = $3;

-- startStages
with photo as (
  select id, sha256 from library.photos where id = $1 and owner_id = $2
    and not exists (select from library.deleted_owners where user_id = $3)
), started as (
  update library.photo_stages s
  set status = 'RUNNING', attempts = s.attempts + 1, updated_at = now()
  from photo
  where s.photo_id = photo.id and s.owner_id = $4
    and s.stage = any($5::text[]) and s.status <> 'SUCCEEDED'
  returning s.attempts
)
select sha256, (select coalesce(max(attempts), 0) from started) as attempts from photo;

-- endStage
with "claimed" as (insert into "library"."inbox" ("consumer", "event_id")
  values ($1, $2)
  on conflict ("consumer", "event_id") do nothing
  returning "event_id") update "library"."photo_stages"
  set "status" = $3, "attempts" = greatest(attempts, $4::integer), "error" = $5, "model" = $6, "ms" = $7, "updated_at" = now()
  where "photo_id" = $8 and "owner_id" = $9 and "stage" = $10 and "status" <> $11 and exists (select "event_id"
  from "claimed");

-- countUnfinished
select count(*) as "photos"
  from (select distinct "photo_id"
  from "library"."photo_stages"
  where "status" in ('PENDING', 'RUNNING')
  order by "photo_id"
  limit $1) as "unfinished";
