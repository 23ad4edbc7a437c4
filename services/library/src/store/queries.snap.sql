-- findBytes
select "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", "p"."id"
  from "library"."images" as "i"
  left join "library"."photos" as "p" on "p"."sha256" = "i"."sha256" and "p"."owner_id" = $1
  where "i"."sha256" = $2;

-- insertPhoto
with "image" as (insert into "library"."images" ("sha256", "media_type", "width", "height", "size_bytes", "taken_at", "exif")
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict ("sha256") do nothing), "photo" as (insert into "library"."photos" ("id", "owner_id", "sha256", "filename", "favorite", "created_at")
  values ($8, $9, $10, $11, $12, $13)
  on conflict ("owner_id", "sha256") do nothing
  returning "id", "owner_id") insert into "library"."photo_stages" ("photo_id", "owner_id", "stage", "status") select "photo"."id", "photo"."owner_id", unnest($14::text[]) as "stage", 'PENDING' as "status"
  from "photo"
  returning "photo_id";

-- findPhoto
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", (select coalesce(json_agg(agg), '[]')
  from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms"
  from "library"."photo_stages" as "s"
  where "s"."photo_id" = "p"."id" and "s"."owner_id" = $1) as agg) as "stages"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $2 and "p"."id" = $3;

-- listPhotos: first page
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", (select coalesce(json_agg(agg), '[]')
  from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms"
  from "library"."photo_stages" as "s"
  where "s"."photo_id" = "p"."id" and "s"."owner_id" = $1) as agg) as "stages"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $2
  order by "p"."id" desc
  limit $3;

-- listPhotos: next page
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."exif", (select coalesce(json_agg(agg), '[]')
  from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms"
  from "library"."photo_stages" as "s"
  where "s"."photo_id" = "p"."id" and "s"."owner_id" = $1) as agg) as "stages"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $2 and "p"."id" < $3
  order by "p"."id" desc
  limit $4;

-- findContent
select "i"."sha256", "i"."media_type"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $1 and "p"."id" = $2;

-- startStages
with photo as (
  select id, sha256 from library.photos where id = $1 and owner_id = $2
), started as (
  update library.photo_stages s
  set status = 'RUNNING', attempts = s.attempts + 1, updated_at = now()
  from photo
  where s.photo_id = photo.id and s.owner_id = $3
    and s.stage = any($4::text[]) and s.status <> 'SUCCEEDED'
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
