-- findBytes
select "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."taken_at_offset_minutes", "i"."camera", "i"."lens", "i"."latitude", "i"."longitude", "i"."city", "i"."region", "i"."country", "i"."exif", "p"."id"
  from "library"."images" as "i"
  left join "library"."photos" as "p" on "p"."sha256" = "i"."sha256" and "p"."owner_id" = $1
  where "i"."sha256" = $2;

-- insertPhoto
with "settled" as (delete from "library"."loose_blobs"
  where "sha256" = $1), "image" as (insert into "library"."images" ("sha256", "media_type", "width", "height", "size_bytes", "taken_at", "taken_at_offset_minutes", "camera", "lens", "latitude", "longitude", "city", "region", "country", "exif")
  values ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
  on conflict ("sha256") do nothing
  returning "sha256"), "photo" as (insert into "library"."photos" ("id", "owner_id", "sha256", "filename", "favorite", "created_at", "captured_at")
  values ($17, $18, $19, $20, $21, $22, $23)
  on conflict ("owner_id", "sha256") do nothing
  returning "id", "owner_id") insert into "library"."photo_stages" ("photo_id", "owner_id", "stage", "status") select "photo"."id", "photo"."owner_id", unnest($24::text[]) as "stage", 'PENDING' as "status"
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
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "p"."title", "p"."description", "p"."hidden", "p"."trashed_at", "p"."taken_at_override", "p"."taken_at_override_offset_minutes", "p"."captured_at", "p"."face_count", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."taken_at_offset_minutes", "i"."camera", "i"."lens", "i"."latitude", "i"."longitude", "i"."city", "i"."region", "i"."country", "i"."exif", (select coalesce(json_agg(agg), '[]') from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms" from "library"."photo_stages" as "s" where "s"."photo_id" = "p"."id" and "s"."owner_id" = "p"."owner_id") as agg) as "stages", array(
select ap.album_id::text from library.album_photos ap
where ap.photo_id = p.id and (select a.owner_id from library.albums a where a.id = ap.album_id) = $1
order by ap.album_id) as "album_ids" from "library"."photos" as "p" inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256" where "p"."owner_id" = $2 and not exists (select from library.deleted_owners where user_id = $3) and "p"."id" = $4;

-- findShownPhotos
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "p"."title", "p"."description", "p"."hidden", "p"."trashed_at", "p"."taken_at_override", "p"."taken_at_override_offset_minutes", "p"."captured_at", "p"."face_count", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."taken_at_offset_minutes", "i"."camera", "i"."lens", "i"."latitude", "i"."longitude", "i"."city", "i"."region", "i"."country", "i"."exif", (select coalesce(json_agg(agg), '[]') from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms" from "library"."photo_stages" as "s" where "s"."photo_id" = "p"."id" and "s"."owner_id" = "p"."owner_id") as agg) as "stages", array(
select ap.album_id::text from library.album_photos ap
where ap.photo_id = p.id and (select a.owner_id from library.albums a where a.id = ap.album_id) = $1
order by ap.album_id) as "album_ids" from "library"."photos" as "p" inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256" where "p"."owner_id" = $2 and not exists (select from library.deleted_owners where user_id = $3) and "p"."id" = any($4::uuid[]) and "p"."hidden" = $5 and "p"."trashed_at" is null;

-- findFacts
select "p"."id", "p"."owner_id" as "ownerId", "p"."sha256", "p"."filename", "p"."created_at" as "createdAt", "i"."width", "i"."height", "i"."media_type" as "mediaType", "i"."size_bytes" as "sizeBytes", "i"."camera", "i"."lens", "i"."city", "i"."region", "i"."country", coalesce(p.taken_at_override, i.taken_at) as "takenAt"
  from "library"."photos" as "p"
  inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256"
  where "p"."owner_id" = $1 and "p"."trashed_at" is null and "p"."id" = any($2::uuid[]);

-- listIndexPhotos
select "p"."id", "p"."owner_id" as "ownerId", "p"."sha256", "p"."filename", "p"."created_at" as "createdAt", "i"."width", "i"."height", "i"."media_type" as "mediaType", "i"."size_bytes" as "sizeBytes", "i"."camera", "i"."lens", "i"."city", "i"."region", "i"."country", coalesce(p.taken_at_override, i.taken_at) as "takenAt", "p"."title", "p"."description", "p"."favorite", "p"."hidden", "p"."revision", p.trashed_at is not null as "trashed", array(
    select ap.album_id::text from library.album_photos ap where ap.photo_id = p.id order by ap.album_id) as "albumIds" from "library"."photos" as "p" inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256" where not exists (select from library.deleted_owners d where d.user_id = p.owner_id) and "p"."id" > $1 order by "p"."id" limit $2;

-- listPhotos: newest first
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "p"."title", "p"."description", "p"."hidden", "p"."trashed_at", "p"."taken_at_override", "p"."taken_at_override_offset_minutes", "p"."captured_at", "p"."face_count", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."taken_at_offset_minutes", "i"."camera", "i"."lens", "i"."latitude", "i"."longitude", "i"."city", "i"."region", "i"."country", "i"."exif", (select coalesce(json_agg(agg), '[]') from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms" from "library"."photo_stages" as "s" where "s"."photo_id" = "p"."id" and "s"."owner_id" = "p"."owner_id") as agg) as "stages", array(
select ap.album_id::text from library.album_photos ap
where ap.photo_id = p.id and (select a.owner_id from library.albums a where a.id = ap.album_id) = $1
order by ap.album_id) as "album_ids" from "library"."photos" as "p" inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256" where p.owner_id = $2 and not exists (select from library.deleted_owners where user_id = $3) and p.trashed_at is null and not "p"."hidden" order by "p"."created_at" desc, "p"."id" desc limit $4;

-- listPhotos: everything that can be asked
select "p"."id", "p"."owner_id", "p"."filename", "p"."favorite", "p"."created_at", "p"."title", "p"."description", "p"."hidden", "p"."trashed_at", "p"."taken_at_override", "p"."taken_at_override_offset_minutes", "p"."captured_at", "p"."face_count", "i"."sha256", "i"."media_type", "i"."width", "i"."height", "i"."size_bytes", "i"."taken_at", "i"."taken_at_offset_minutes", "i"."camera", "i"."lens", "i"."latitude", "i"."longitude", "i"."city", "i"."region", "i"."country", "i"."exif", (select coalesce(json_agg(agg), '[]') from (select "s"."stage", "s"."status", "s"."attempts", "s"."error", "s"."model", "s"."ms" from "library"."photo_stages" as "s" where "s"."photo_id" = "p"."id" and "s"."owner_id" = "p"."owner_id") as agg) as "stages", array(
select ap.album_id::text from library.album_photos ap
where ap.photo_id = p.id and (select a.owner_id from library.albums a where a.id = ap.album_id) = $1
order by ap.album_id) as "album_ids" from "library"."photos" as "p" inner join "library"."images" as "i" on "i"."sha256" = "p"."sha256" where ("p"."captured_at", p.id) > ($2, $3) and p.owner_id = $4 and not exists (select from library.deleted_owners where user_id = $5) and p.trashed_at is not null and "p"."hidden" and exists (
select from library.album_photos ap where ap.album_id = $6 and ap.photo_id = p.id) and p.captured_at >= $7 and p.captured_at < $8 and "i"."camera" ~ $9 and (p.owner_id = $10 and ("i"."city" ~ $11 or "i"."region" ~ $12 or "i"."country" ~ $13)) and (not p.owner_id = $14 or not p.favorite) and i.media_type = $15 and p.face_count > 0 and exists (select from library.photo_stages f
where f.owner_id = p.owner_id and f.photo_id = p.id and f.status = 'FAILED' and f.stage = $16) order by "p"."captured_at" asc, "p"."id" asc limit $17;

-- patchPhotos: bulk
with mine as (
  select id from library.photos
  where owner_id = $1 and id = any($2::uuid[]) and not exists (select from library.deleted_owners where user_id = $3)
  order by id for update
), changed as (
  update library.photos p set trashed_at = coalesce(p.trashed_at, now()), revision = p.revision + 1
  from mine
  where p.id = mine.id and (p.trashed_at is null)
  returning p.id, p.sha256, p.title, p.description, p.favorite, p.hidden, p.trashed_at, p.taken_at_override, p.revision
)
select mine.id, c.sha256, c.title, c.description, c.favorite, c.revision, c.hidden,
       c.trashed_at is not null as trashed, coalesce(c.taken_at_override, i.taken_at) as "takenAt"
from mine left join changed c on c.id = mine.id left join library.images i on i.sha256 = c.sha256
order by mine.id;

-- patchPhotos: details
with mine as (
  select id from library.photos
  where owner_id = $1 and id = any($2::uuid[]) and not exists (select from library.deleted_owners where user_id = $3)
  order by id for update
), changed as (
  update library.photos p set "title" = $4, "hidden" = $5, taken_at_override = $6::timestamptz, taken_at_override_offset_minutes = $7::smallint, captured_at = coalesce(
    $8::timestamptz, (select i.taken_at from library.images i where i.sha256 = p.sha256), p.created_at), revision = p.revision + 1
  from mine
  where p.id = mine.id and (p."title" <> $9 or p."hidden" <> $10 or (p.taken_at_override, p.taken_at_override_offset_minutes) is distinct from ($11::timestamptz, $12::smallint))
  returning p.id, p.sha256, p.title, p.description, p.favorite, p.hidden, p.trashed_at, p.taken_at_override, p.revision
)
select mine.id, c.sha256, c.title, c.description, c.favorite, c.revision, c.hidden,
       c.trashed_at is not null as trashed, coalesce(c.taken_at_override, i.taken_at) as "takenAt"
from mine left join changed c on c.id = mine.id left join library.images i on i.sha256 = c.sha256
order by mine.id;

-- deletePhotos
select sha256
  from library.photos
  where owner_id = $1 and id = any($2::uuid[]) and trashed_at is not null;
select pg_advisory_xact_lock(key) from (
  select distinct hashtextextended('bytes ' || "sha256"::text, 0) as key from unnest($1::text[]) as sha256 order by key
) as keys;
with mine as (
  select id from library.photos where owner_id = $1 and id = any($2::uuid[]) and trashed_at is not null order by id for update
), gone as (
  delete from library.photos p using mine where p.id = mine.id returning p.id, p.owner_id, p.sha256
), freed as (
  update library.owner_usage u set photos = greatest(0, u.photos - g.photos), bytes = greatest(0, u.bytes - g.bytes)
  from (
    select count(*) as photos, coalesce(sum(i.size_bytes), 0) as bytes
    from gone join library.images i on i.sha256 = gone.sha256
  ) g
  where u.owner_id = $3
)
select id as "photoId", owner_id as "ownerId", sha256 from gone order by id;
with unused as (
  delete from library.images i
  where sha256 = any($1::text[])
    and not exists (select from library.photos p where p.sha256 = i.sha256)
  returning sha256
)
insert into library.loose_blobs (sha256, since) select sha256, '-infinity' from unused
on conflict (sha256) do update set since = excluded.since;

-- deletePhotoRemains
with told as (
  delete from library.feed
  where owner_id = $1 and subject_id = any($2::text[]) and type <> 'photo.deleted'
), sent as (
  delete from library.webhook_deliveries
  where owner_id = $3 and subject_id = any($4::text[]) and type <> 'photo.deleted'
)
delete from library.uploads where owner_id = $5 and photo_id = any($6::uuid[]);

-- deleteLateDeliveries
delete from library.webhook_deliveries d
where d.type like 'photo.%' and d.type <> 'photo.deleted'
  and not exists (
    select from library.photos p
    where p.id = case when d.subject_id ~ '^[0-9a-f-]{36}$' then d.subject_id::uuid end
  );

-- listTrash
select "id"
  from "library"."photos"
  where "owner_id" = $1 and "trashed_at" is not null
  order by "id"
  limit $2;

-- listExpired
select "id", "owner_id" as "ownerId"
  from "library"."photos"
  where trashed_at < now() - make_interval(secs => $1)
  order by "trashed_at"
  limit $2;

-- findExisting
select "sha256", "id" as "photoId", trashed_at is not null as "trashed"
  from "library"."photos"
  where "owner_id" = $1 and not exists (select
  from library.deleted_owners
  where user_id = $2) and "sha256" = any($3::text[])
  order by "sha256";

-- saveFaceCount
update "library"."photos"
  set "face_count" = $1
  where "id" = $2 and "owner_id" = $3 and not exists (select "event_id"
  from "library"."inbox"
  where "consumer" = $4 and "event_id" = $5);

-- isImage
select "sha256"
  from "library"."images"
  where "sha256" = $1;

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
), in_jobs as (
  update library.job_stages s
  set status = 'RUNNING', attempts = s.attempts + 1, started_at = coalesce(s.started_at, now())
  from photo
  where s.photo_id = photo.id and s.owner_id = $6
    and s.stage = any($7::text[]) and s.status in ('PENDING', 'RUNNING') and s.asked <> 'NO'
  returning s.attempts, s.job_id
)
select sha256,
  greatest((select max(attempts) from started), (select max(attempts) from in_jobs), 0) as attempts,
  array(select distinct job_id from in_jobs) as "jobIds"
from photo;

-- endStage
with "unwatched" as (select "stage"
  from "library"."photo_stages"
  where "photo_id" = $1 and "owner_id" = $2 and "stage" = $3 and "watched" = $4 for update), "claimed" as (insert into "library"."inbox" ("consumer", "event_id") select $5::text as "consumer", $6::uuid as "event_id"
  from "unwatched"
  on conflict ("consumer", "event_id") do nothing
  returning "event_id"), "ended" as (update "library"."photo_stages"
  set "status" = $7, "attempts" = greatest(attempts, $8::integer), "error" = $9, "model" = $10, "ms" = $11, "updated_at" = now()
  where "photo_id" = $12 and "owner_id" = $13 and "stage" = $14 and "status" <> $15 and exists (select "event_id"
  from "claimed")
  returning "owner_id"), "head" as (insert into "library"."feed_heads" ("owner_id", "last_id") select "owner_id", 1 as "last_id"
  from "ended"
  on conflict ("owner_id") do update
  set "last_id" = feed_heads.last_id + 1
  returning "owner_id", "last_id"), "entry" as (insert into "library"."feed" ("owner_id", "id", "type", "at", "subject_id", "data") select "owner_id", "last_id", 'photo.stage' as "type", clock_timestamp() as "at", $16::text as "subject_id", $17::jsonb as "data"
  from "head"
  returning "id") select (select "id"
  from "entry") as "entryId"
  from "unwatched";

-- countActiveJobs
select "status", count(*) as "jobs"
  from (select "status"
  from "library"."jobs"
  where "finished_at" is null
  limit $1) as "active" group by "status";

-- countUnfinished
select count(*) as "photos"
  from (select distinct "photo_id"
  from "library"."photo_stages"
  where "status" in ('PENDING', 'RUNNING')
  order by "photo_id"
  limit $1) as "unfinished";
