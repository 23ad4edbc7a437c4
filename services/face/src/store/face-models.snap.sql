-- findActiveModel
select "model", "dimension"
  from "face"."face_models"
  where "state" = $1;

-- registerModel: new
select pg_advisory_xact_lock(hashtextextended('face models', 0));
select "model", "state"
  from "face"."face_models";
lock table "face"."face_embeddings_default" in access exclusive mode;
create table "face"."face_embeddings_87c2de5924ee7b22" (like face.face_embeddings including all);
with moved as (
  delete from "face"."face_embeddings_default" where model = $1 returning model, face_id, owner_id, embedding
)
insert into "face"."face_embeddings_87c2de5924ee7b22" (model, face_id, owner_id, embedding)
select model, face_id, owner_id, embedding from moved;
alter table face.face_embeddings attach partition "face"."face_embeddings_87c2de5924ee7b22" for values in ('embedder');
insert into "face"."face_models" ("model", "dimension", "state")
  values ($1, $2, $3);

-- registerModel: back again
select pg_advisory_xact_lock(hashtextextended('face models', 0));
select "model", "state"
  from "face"."face_models";
update "face"."face_models"
  set "cursor" = $1, "filled" = $2, "faces_filled" = $3, "photos_skipped" = $4, "retired_at" = $5, "state" = $6
  where "model" = $7;

-- holdPass
update "face"."face_models"
  set "lease_owner" = $1, "lease_until" = now() + $2 * interval '1 millisecond'
  where "model" = $3 and "filled" = $4 and ("lease_owner" is null or "lease_owner" = $5 or "lease_until" < now())
  returning "cursor", "faces_filled", "photos_skipped";

-- releasePass
update "face"."face_models"
  set "lease_owner" = $1, "lease_until" = $2
  where "model" = $3 and "lease_owner" = $4;

-- advancePass
update "face"."face_models"
  set "cursor" = $1, "faces_filled" = "faces_filled" + $2, "photos_skipped" = "photos_skipped" + $3
  where "model" = $4 and "lease_owner" = $5;

-- finishPass: something was missing
select pg_advisory_xact_lock(hashtextextended('face models', 0));
select "state", "faces_filled"
  from "face"."face_models"
  where "model" = $1 and "lease_owner" = $2 for update;
update "face"."face_models"
  set "cursor" = $1, "faces_filled" = $2, "photos_skipped" = $3
  where "model" = $4 and "lease_owner" = $5;

-- finishPass: complete
select pg_advisory_xact_lock(hashtextextended('face models', 0));
select "state", "faces_filled"
  from "face"."face_models"
  where "model" = $1 and "lease_owner" = $2 for update;
update "face"."face_models"
  set "filled" = $1, "lease_owner" = $2, "lease_until" = $3
  where "model" = $4;
update "face"."face_models"
  set "state" = $1, "retired_at" = now()
  where "state" = $2;
update "face"."face_models"
  set "state" = $1
  where "model" = $2;
update "face"."face_owners"
  set "regroup_requested_at" = now(), "regroup_finished_at" = $1, "regroup_phase" = $2, "regroup_cursor" = $3, "regroup_lease_owner" = $4, "regroup_lease_until" = $5, "faces_seen" = $6, "faces_assigned" = $7, "people_made" = $8
  where "enabled" = $9;

-- dropRetiredModels
select pg_advisory_xact_lock(hashtextextended('face models', 0));
delete from "face"."face_models"
  where "state" = $1 and "retired_at" <= now() - $2 * interval '1 millisecond'
  returning "model";
drop table if exists "face"."face_embeddings_87c2de5924ee7b22";

-- listUnfinishedPhotos
select distinct "face"."photo_id", "face"."owner_id", "scan"."sha256"
  from "face"."faces" as "face"
  left join "face"."face_embeddings" as "made" on "made"."face_id" = "face"."id" and "made"."owner_id" = "face"."owner_id" and "made"."model" = $1
  left join "face"."face_crops" as "crop" on "crop"."face_id" = "face"."id" and "crop"."owner_id" = "face"."owner_id"
  inner join "face"."face_scans" as "scan" on "scan"."photo_id" = "face"."photo_id" and "scan"."owner_id" = "face"."owner_id"
  inner join "face"."face_owners" as "owner" on "owner"."owner_id" = "face"."owner_id"
  where "face"."erased" = $2 and ("made"."face_id" is null or "crop"."face_id" is null) and "owner"."enabled" = $3 and "face"."photo_id" > $4
  order by "face"."photo_id"
  limit $5;

-- listUnfinishedFaces
select "face"."id", "face"."x", "face"."y", "face"."width", "face"."height", "face"."landmarks", "made"."face_id" as "made_id", "crop"."face_id" as "crop_id"
  from "face"."faces" as "face"
  left join "face"."face_embeddings" as "made" on "made"."face_id" = "face"."id" and "made"."owner_id" = "face"."owner_id" and "made"."model" = $1
  left join "face"."face_crops" as "crop" on "crop"."face_id" = "face"."id" and "crop"."owner_id" = "face"."owner_id"
  where "face"."erased" = $2 and ("made"."face_id" is null or "crop"."face_id" is null) and "face"."photo_id" = $3 and "face"."owner_id" = $4
  order by "face"."id";
