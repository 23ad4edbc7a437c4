-- beginChange
insert into "face"."face_owners" ("owner_id", "revision")
  values ($1, $2)
  on conflict ("owner_id") do update
  set "revision" = "face"."face_owners"."revision" + $3
  returning "revision";

-- facesEnabled
select "enabled"
  from "face"."face_owners"
  where "owner_id" = $1;

-- lockFacesEnabled
select "enabled"
  from "face"."face_owners"
  where "owner_id" = $1 for update;

-- writeFacesEnabled
update "face"."face_owners"
  set "enabled" = $1, "regroup_requested_at" = $2, "regroup_finished_at" = $3, "regroup_phase" = $4, "regroup_cursor" = $5
  where "owner_id" = $6;

-- findScan
select "model", "ms"
  from "face"."face_scans"
  where "photo_id" = $1 and "owner_id" = $2;
select "face"."id", "face"."x", "face"."y", "face"."width", "face"."height", "face"."score", "face"."quality", "face"."person_id", "person"."name"
  from "face"."faces" as "face"
  left join "face"."people" as "person" on "person"."id" = "face"."person_id" and "person"."owner_id" = $1
  where "face"."photo_id" = $2 and "face"."owner_id" = $3
  order by "face"."id";

-- listEarlierFaces
select "face"."id", "face"."x", "face"."y", "face"."width", "face"."height", "face"."person_id", "face"."erased", ("face"."source" = $1 or "face"."erased" = $2 or exists (select "rejected"."face_id"
  from "face"."face_rejections" as "rejected"
  where "rejected"."face_id" = "face"."id") or exists (select "person"."id"
  from "face"."people" as "person"
  where "person"."owner_id" = $3 and "person"."cover_face_id" = "face"."id")) as "spoken_of"
  from "face"."faces" as "face"
  where "face"."photo_id" = $4 and "face"."owner_id" = $5
  order by "face"."id";

-- saveFaces
insert into "face"."faces" ("id", "photo_id", "owner_id", "x", "y", "width", "height", "score", "quality", "landmarks")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  on conflict ("id") do update
  set "x" = "excluded"."x", "y" = "excluded"."y", "width" = "excluded"."width", "height" = "excluded"."height", "score" = "excluded"."score", "quality" = "excluded"."quality", "landmarks" = "excluded"."landmarks", "detected" = $11
  where "face"."faces"."owner_id" = $12;

-- markUndetected
update "face"."faces"
  set "detected" = $1
  where "id" in ($2) and "owner_id" = $3;

-- deleteFaces
delete from "face"."face_embeddings"
  where "face_id" in ($1) and "owner_id" = $2;
delete from "face"."face_crops"
  where "face_id" in ($1) and "owner_id" = $2;
delete from "face"."face_rejections"
  where "face_id" in ($1) and "owner_id" = $2;
delete from "face"."merge_faces"
  where "face_id" in ($1) and "owner_id" = $2;
update "face"."people"
  set "cover_face_id" = $1
  where "cover_face_id" in ($2) and "owner_id" = $3;
delete from "face"."faces"
  where "id" in ($1) and "owner_id" = $2;

-- saveScan
insert into "face"."face_scans" ("photo_id", "owner_id", "sha256", "model", "ms")
  values ($1, $2, $3, $4, $5)
  on conflict ("photo_id") do update
  set "model" = $6, "ms" = $7
  where "face"."face_scans"."owner_id" = $8;

-- deleteScan
delete from "face"."face_scans"
  where "photo_id" = $1 and "owner_id" = $2;

-- deleteScansOfOwner
delete from "face"."face_scans"
  where "owner_id" = $1;

-- findFacesOfBytes
select "scan"."photo_id", "scan"."owner_id"
  from "face"."face_scans" as "scan"
  inner join "face"."face_owners" as "owner" on "owner"."owner_id" = "scan"."owner_id"
  where "scan"."sha256" = $1 and "scan"."model" = $2 and "owner"."enabled" = $3 and not exists (select "face"."id"
  from "face"."faces" as "face"
  left join "face"."face_embeddings" as "made" on "made"."face_id" = "face"."id" and "made"."model" = $4
  left join "face"."face_crops" as "crop" on "crop"."face_id" = "face"."id"
  where "face"."photo_id" = "scan"."photo_id" and "face"."detected" = $5 and ("made"."face_id" is null or "crop"."face_id" is null))
  limit $6;
select "face"."x", "face"."y", "face"."width", "face"."height", "face"."score", "face"."quality", "face"."landmarks", "made"."embedding", "crop"."jpeg"
  from "face"."faces" as "face"
  inner join "face"."face_embeddings" as "made" on "made"."face_id" = "face"."id"
  inner join "face"."face_crops" as "crop" on "crop"."face_id" = "face"."id"
  where "made"."model" = $1 and "face"."photo_id" = $2 and "face"."owner_id" = $3 and "face"."detected" = $4
  order by "face"."score" desc;

-- saveEmbeddings
insert into "face"."face_embeddings" ("model", "face_id", "owner_id", "embedding")
  values ($1, $2, $3, $4)
  on conflict ("model", "face_id") do update
  set "embedding" = "excluded"."embedding"
  where "face"."face_embeddings"."owner_id" = $5;

-- addEmbeddings
insert into "face"."face_embeddings" ("model", "face_id", "owner_id", "embedding")
  values ($1, $2, $3, $4)
  on conflict ("model", "face_id") do nothing;

-- saveCrops
insert into "face"."face_crops" ("face_id", "owner_id", "jpeg")
  values ($1, $2, $3)
  on conflict ("face_id") do update
  set "jpeg" = "excluded"."jpeg"
  where "face"."face_crops"."owner_id" = $4;

-- findCrop
select "jpeg"
  from "face"."face_crops"
  where "face_id" = $1 and "owner_id" = $2;

-- savePhotoState
insert into "face"."photo_states" ("photo_id", "owner_id", "withheld", "revision")
  values ($1, $2, $3, $4)
  on conflict ("photo_id") do update
  set "withheld" = $5, "revision" = $6
  where "face"."photo_states"."owner_id" = $7 and "face"."photo_states"."revision" < $8;

-- deletePhotoState
delete from "face"."photo_states"
  where "photo_id" = $1 and "owner_id" = $2;

-- deleteEmptyPersons
with gone as (
  delete from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[]) and p.source = 'MODEL' and p.merged_into is null
    and not exists (select from face.faces f where f.owner_id = $3 and f.person_id = p.id)
  returning p.id
), rejections as (
  delete from face.face_rejections where owner_id = $4 and person_id in (select id from gone)
), distinctions as (
  delete from face.person_distinctions
  where owner_id = $5
    and (person_a in (select id from gone) or person_b in (select id from gone))
)
select id from gone order by id;

-- deleteEmptyPersons: all
with gone as (
  delete from face.people p
  where p.owner_id = $1  and p.source = 'MODEL' and p.merged_into is null
    and not exists (select from face.faces f where f.owner_id = $2 and f.person_id = p.id)
  returning p.id
), rejections as (
  delete from face.face_rejections where owner_id = $3 and person_id in (select id from gone)
), distinctions as (
  delete from face.person_distinctions
  where owner_id = $4
    and (person_a in (select id from gone) or person_b in (select id from gone))
)
select id from gone order by id;

-- deleteRecognition
delete from "face"."face_embeddings"
  where "owner_id" = $1;
delete from "face"."face_crops"
  where "owner_id" = $1;

-- deleteUnspokenFaces
delete from face.faces f
where f.owner_id = $1 and f.source = 'MODEL' and not f.erased
  and not exists (select from face.face_rejections r where r.owner_id = $2 and r.face_id = f.id);
update face.faces set similarity = null, person_id = case source when 'USER' then person_id end
where owner_id = $1 and (similarity is not null or (source = 'MODEL' and person_id is not null));
delete from face.merge_faces m
where m.owner_id = $1
  and not exists (select from face.faces f where f.owner_id = $2 and f.id = m.face_id);
update face.people p set cover_face_id = null
where p.owner_id = $1 and p.cover_face_id is not null
  and not exists (select from face.faces f where f.owner_id = $2 and f.id = p.cover_face_id);

-- listPhotosModelsNamed
select distinct "photo_id"
  from "face"."faces"
  where "owner_id" = $1 and "source" = $2 and "person_id" is not null
  order by "photo_id";
