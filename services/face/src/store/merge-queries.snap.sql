-- insertMerge
insert into "face"."merges" ("id", "owner_id", "survivor_id", "person_ids", "snapshot", "created_at")
  values ($1, $2, $3, $4, $5, $6);

-- findMerge
select *
  from "face"."merges"
  where "owner_id" = $1 and "id" = $2;

-- listMergesInto
select *
  from "face"."merges"
  where "owner_id" = $1 and "survivor_id" = $2 and "undone_at" is null;

-- listMerges
select "id", "survivor_id" as "survivorId", "person_ids" as "personIds", "created_at" as "createdAt", "undone_at" as "undoneAt"
  from "face"."merges"
  where "owner_id" = $1 and (created_at, id) < ($2, $3::uuid)
  order by "created_at" desc, "id" desc
  limit $4;

-- markUndone
update "face"."merges"
  set "undone_at" = $1
  where "owner_id" = $2 and "id" = $3;

-- saveSnapshot
update "face"."merges"
  set "snapshot" = $1
  where "owner_id" = $2 and "id" = $3;

-- saveMergedFields
update "face"."people"
  set "name" = $1, "birth_date" = $2, "favorite" = $3, "source" = $4, "updated_at" = $5
  where "owner_id" = $6 and "id" = $7;

-- setMergedInto
update "face"."people"
  set "merged_into" = $1
  where "owner_id" = $2 and "id" = any($3::uuid[]);

-- moveToSurvivor
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
delete from face.merge_faces m using face.faces f
where m.owner_id = $4 and f.owner_id = $5 and f.id = m.face_id
  and f.person_id = any($6::uuid[])
  and not exists (select from members where members.root = f.person_id and members.id = m.person_id);
insert into face.merge_faces (merge_id, face_id, owner_id, person_id)
select $1::uuid, f.id, f.owner_id, f.person_id from face.faces f
where f.owner_id = $2 and f.person_id = any($3::uuid[])
  and not exists (
    select from face.merge_faces m where m.owner_id = $4 and m.face_id = f.id);
with moved as (
  update face.faces set person_id = $1
  where owner_id = $2 and person_id = any($3::uuid[])
  returning photo_id
)
select distinct photo_id as "photoId" from moved;

-- expelRejected
with expelled as (
  update face.faces f set person_id = null
  where f.owner_id = $1 and f.person_id = $2 and f.source = 'MODEL'
    and exists (
      select from face.face_rejections r
      where r.owner_id = $3 and r.face_id = f.id and r.person_id = $4)
  returning f.id, f.photo_id
), noted as (
  insert into face.merge_faces (merge_id, face_id, owner_id, person_id)
  select $5::uuid, expelled.id, $6::uuid, $7::uuid from expelled
  where not exists (
    select from face.merge_faces m where m.owner_id = $8 and m.face_id = expelled.id)
)
select distinct photo_id as "photoId" from expelled;

-- moveBack
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
),
moved as (
  update face.faces f set person_id = members.root
  from face.merge_faces m join members on members.id = m.person_id
  where m.owner_id = $4 and m.face_id = f.id and f.owner_id = $5 and f.person_id = $6
  returning f.photo_id
)
select distinct photo_id as "photoId" from moved;

-- readmit
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
),
moved as (
  update face.faces f set person_id = members.root
  from face.merge_faces m join members on members.id = m.person_id
  where m.owner_id = $4 and m.face_id = f.id and f.owner_id = $5
    and f.person_id is null and f.source = 'MODEL'
    and not exists (
      select from face.face_rejections r
      where r.owner_id = $6 and r.face_id = f.id and r.person_id = members.root)
  returning f.photo_id
)
select distinct photo_id as "photoId" from moved;

-- forgetReturned
delete from face.merge_faces m using face.people p
where m.owner_id = $1 and m.person_id = any($2::uuid[])
  and p.id = m.person_id and p.owner_id = $3 and p.merged_into is null
  and not exists (
    select from face.faces f
    join face.face_rejections r on r.face_id = f.id and r.owner_id = $4
    where f.id = m.face_id and f.owner_id = $5 and f.person_id is null and f.source = 'MODEL'
      and r.person_id = m.person_id and r.merge_id is not null);

-- handOnRejections
insert into face.face_rejections (face_id, person_id, owner_id, merge_id, created_at)
select r.face_id, $1::uuid, $2::uuid, $3::uuid, min(r.created_at)
from face.face_rejections r
where r.owner_id = $4 and r.person_id = any($5::uuid[])
  and not exists (
    select from face.faces f
    where f.id = r.face_id and f.owner_id = $6 and f.person_id = $7 and f.source = 'USER')
group by r.face_id
on conflict (face_id, person_id) do nothing;
with recursive merged as (
  select p.id, m.id as merge_id from face.merges m
  join face.people p on p.owner_id = $1 and p.merged_into = m.survivor_id and p.id = any(m.person_ids)
  where m.owner_id = $2 and m.survivor_id = $3 and m.undone_at is null
  union
  select p.id, merged.merge_id from merged
  join face.people p on p.merged_into = merged.id and p.owner_id = $4
)
insert into face.face_rejections (face_id, person_id, owner_id, merge_id, created_at)
select distinct on (r.face_id) r.face_id, $5::uuid, $6::uuid, merged.merge_id, r.created_at
from merged join face.face_rejections r on r.owner_id = $7 and r.person_id = merged.id
where exists (
    select from face.faces f
    where f.id = r.face_id and f.owner_id = $8 and f.person_id = $9 and f.source = 'MODEL')
order by r.face_id, r.created_at, merged.merge_id
on conflict (face_id, person_id) do nothing
returning face_id as "faceId";

-- takeBackRejections
delete from face.face_rejections
where owner_id = $1 and person_id = $2 and merge_id = $3 and face_id = any($4::uuid[])
returning face_id as "faceId";
with recursive merged as (
  select p.id, m.id as merge_id from face.merges m
  join face.people p on p.owner_id = $1 and p.merged_into = m.survivor_id and p.id = any(m.person_ids)
  where m.owner_id = $2 and m.survivor_id = $3 and m.undone_at is null
  union
  select p.id, merged.merge_id from merged
  join face.people p on p.merged_into = merged.id and p.owner_id = $4
)
insert into face.face_rejections (face_id, person_id, owner_id, merge_id, created_at)
select distinct on (r.face_id) r.face_id, $5::uuid, $6::uuid, merged.merge_id, r.created_at
from merged join face.face_rejections r on r.owner_id = $7 and r.person_id = merged.id
where r.face_id = any($8::uuid[])
  and not exists (
    select from face.faces f
    where f.id = r.face_id and f.owner_id = $9 and f.person_id = $10 and f.source = 'USER')
order by r.face_id, r.created_at, merged.merge_id
on conflict (face_id, person_id) do nothing
returning face_id as "faceId";
