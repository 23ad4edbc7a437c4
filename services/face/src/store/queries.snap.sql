-- findScan
select "model", "ms"
  from "face"."face_scans"
  where "photo_id" = $1 and "owner_id" = $2;
select *
  from "face"."faces"
  where "photo_id" = $1 and "owner_id" = $2;

-- findFacesOfBytes
select "photo_id", "owner_id"
  from "face"."face_scans"
  where "sha256" = $1 and "model" = $2
  limit $3;
select *
  from "face"."faces"
  where "photo_id" = $1 and "owner_id" = $2;

-- saveScan
insert into "face"."face_scans" ("photo_id", "owner_id", "sha256", "model", "ms")
  values ($1, $2, $3, $4, $5)
  on conflict ("photo_id") do update
  set "model" = $6, "ms" = $7;
delete from "face"."faces"
  where "photo_id" = $1 and "owner_id" = $2;
insert into "face"."faces" ("id", "photo_id", "owner_id", "x", "y", "width", "height", "score", "quality", "landmarks", "embedding", "model")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- saveScan: no face
insert into "face"."face_scans" ("photo_id", "owner_id", "sha256", "model", "ms")
  values ($1, $2, $3, $4, $5)
  on conflict ("photo_id") do update
  set "model" = $6, "ms" = $7;
delete from "face"."faces"
  where "photo_id" = $1 and "owner_id" = $2;

-- deleteFaces
delete from "face"."faces"
  where "photo_id" = $1 and "owner_id" = $2;
delete from "face"."face_scans"
  where "photo_id" = $1 and "owner_id" = $2;
