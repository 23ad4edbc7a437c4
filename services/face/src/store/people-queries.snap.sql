-- findHolder
with recursive chain as (
  select p.id, p.merged_into from face.people p where p.owner_id = $1 and p.id = $2
  union
  select p.id, p.merged_into from chain
  join face.people p on p.id = chain.merged_into and p.owner_id = $3
)
select id from chain where merged_into is null;

-- findPersonRows
select *
  from "face"."people"
  where "owner_id" = $1 and "id" = any($2::uuid[]);

-- listMembers
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
) select distinct id from members order by id;

-- findByRequest
select "id"
  from "face"."people"
  where "owner_id" = $1 and "request_id" = $2;

-- insertPerson
insert into "face"."people" ("id", "owner_id", "name", "source", "request_id", "created_at", "updated_at")
  values ($1, $2, $3, $4, $5, $6, $7);

-- speakOfPerson
update "face"."people"
  set "name" = $1, "hidden" = $2, "source" = $3, "updated_at" = $4
  where "owner_id" = $5 and "id" = $6;
update face.merges
set snapshot = jsonb_set(snapshot, '{spoken}', (
  select jsonb_agg(distinct field) from jsonb_array_elements(
    snapshot->'spoken' || $1::jsonb
  ) field
))
where owner_id = $2 and survivor_id = $3 and undone_at is null;

-- isFaceOf
select "id"
  from "face"."faces"
  where "owner_id" = $1 and "person_id" = $2 and "id" = $3;

-- listPersons: favourites first
with withheld as materialized (
  select photo_id from face.photo_states where owner_id = $1 and withheld
), on_photos as (
  select f.person_id, count(*) as faces from face.faces f
  where f.owner_id = $2 and f.person_id is not null and true and f.photo_id not in (select photo_id from withheld)
  group by f.person_id, f.photo_id
), counts as (
  select person_id, sum(faces)::int as faces, count(*)::int as photos from on_photos group by person_id
), page as materialized (
  select p.* from (
    select p.*, coalesce(c.faces, 0) as faces, coalesce(c.photos, 0) as photos
    from face.people p left join counts c on c.person_id = p.id
    where p.owner_id = $3 and p.merged_into is null
  ) p
  where not p.hidden and (p.source = 'USER' or p.faces > 0)
  
  order by p.favorite desc, p.faces desc, p.id desc limit $4
)
select p.id, p.name, p.hidden, p.favorite, p.birth_date as "birthDate", p.source,
  lower(p.name) as "lowerName", p.faces as "faceCount", p.photos as "photoCount",
  coalesce((select f.id from face.faces f
  where f.owner_id = $5 and f.person_id = p.id and f.id = p.cover_face_id and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1), (select f.id from face.faces f
  where f.owner_id = $6 and f.person_id = p.id  and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1)) as "coverFaceId",
  p.created_at as "createdAt", p.updated_at as "updatedAt"
from page p
order by p.favorite desc, p.faces desc, p.id desc;

-- listPersons: by faces, behind one
with withheld as materialized (
  select photo_id from face.photo_states where owner_id = $1 and withheld
), on_photos as (
  select f.person_id, count(*) as faces from face.faces f
  where f.owner_id = $2 and f.person_id is not null and true and f.photo_id not in (select photo_id from withheld)
  group by f.person_id, f.photo_id
), counts as (
  select person_id, sum(faces)::int as faces, count(*)::int as photos from on_photos group by person_id
), page as materialized (
  select p.* from (
    select p.*, coalesce(c.faces, 0) as faces, coalesce(c.photos, 0) as photos
    from face.people p left join counts c on c.person_id = p.id
    where p.owner_id = $3 and p.merged_into is null
  ) p
  where p.hidden and p.name = '' and (p.source = 'USER' or p.faces > 0)
  and (p.faces, p.id) < ($4::int, $5::uuid)
  order by p.faces desc, p.id desc limit $6
)
select p.id, p.name, p.hidden, p.favorite, p.birth_date as "birthDate", p.source,
  lower(p.name) as "lowerName", p.faces as "faceCount", p.photos as "photoCount",
  coalesce((select f.id from face.faces f
  where f.owner_id = $7 and f.person_id = p.id and f.id = p.cover_face_id and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1), (select f.id from face.faces f
  where f.owner_id = $8 and f.person_id = p.id  and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1)) as "coverFaceId",
  p.created_at as "createdAt", p.updated_at as "updatedAt"
from page p
order by p.faces desc, p.id desc;

-- listPersons: by name, everything asked
with withheld as materialized (
  select photo_id from face.photo_states where owner_id = $1 and withheld
), on_photos as (
  select f.person_id, count(*) as faces from face.faces f
  where f.owner_id = $2 and f.person_id is not null and true and f.photo_id not in (select photo_id from withheld)
  group by f.person_id, f.photo_id
), counts as (
  select person_id, sum(faces)::int as faces, count(*)::int as photos from on_photos group by person_id
), page as materialized (
  select p.* from (
    select p.*, coalesce(c.faces, 0) as faces, coalesce(c.photos, 0) as photos
    from face.people p left join counts c on c.person_id = p.id
    where p.owner_id = $3 and p.merged_into is null
  ) p
  where not p.hidden and p.name <> '' and p.name ~ $4 and (p.source = 'USER' or p.faces > 0)
  and ((p.name = ''), lower(p.name), p.id) > ($5::boolean, $6, $7::uuid)
  order by (p.name = ''), lower(p.name), p.id limit $8
)
select p.id, p.name, p.hidden, p.favorite, p.birth_date as "birthDate", p.source,
  lower(p.name) as "lowerName", p.faces as "faceCount", p.photos as "photoCount",
  coalesce((select f.id from face.faces f
  where f.owner_id = $9 and f.person_id = p.id and f.id = p.cover_face_id and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1), (select f.id from face.faces f
  where f.owner_id = $10 and f.person_id = p.id  and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1)) as "coverFaceId",
  p.created_at as "createdAt", p.updated_at as "updatedAt"
from page p
order by (p.name = ''), lower(p.name), p.id;

-- findPersons
with withheld as materialized (
  select photo_id from face.photo_states where owner_id = $1 and withheld
), on_photos as (
  select f.person_id, count(*) as faces from face.faces f
  where f.owner_id = $2 and f.person_id is not null and f.person_id = any($3::uuid[]) and f.photo_id not in (select photo_id from withheld)
  group by f.person_id, f.photo_id
), counts as (
  select person_id, sum(faces)::int as faces, count(*)::int as photos from on_photos group by person_id
), page as materialized (
  select p.* from (
    select p.*, coalesce(c.faces, 0) as faces, coalesce(c.photos, 0) as photos
    from face.people p left join counts c on c.person_id = p.id
    where p.owner_id = $4 and p.merged_into is null
  ) p
  where p.id = any($5::uuid[])
)
select p.id, p.name, p.hidden, p.favorite, p.birth_date as "birthDate", p.source,
  lower(p.name) as "lowerName", p.faces as "faceCount", p.photos as "photoCount",
  coalesce((select f.id from face.faces f
  where f.owner_id = $6 and f.person_id = p.id and f.id = p.cover_face_id and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1), (select f.id from face.faces f
  where f.owner_id = $7 and f.person_id = p.id  and f.photo_id not in (select photo_id from withheld)
  order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1)) as "coverFaceId",
  p.created_at as "createdAt", p.updated_at as "updatedAt"
from page p
order by p.id;

-- findFaces
select f.id, f.photo_id as "photoId", f.x, f.y, f.width, f.height, f.score, f.quality,
  f.person_id as "personId", coalesce(p.name, '') as "personName", f.source, f.similarity, f.erased,
  f.created_at as "createdAt"
from face.faces f left join face.people p on p.id = f.person_id and p.owner_id = $1
where f.owner_id = $2 and f.id = any($3::uuid[]);

-- listFaces
select f.id, f.photo_id as "photoId", f.x, f.y, f.width, f.height, f.score, f.quality,
  f.person_id as "personId", coalesce(p.name, '') as "personName", f.source, f.similarity, f.erased,
  f.created_at as "createdAt"
from face.faces f left join face.people p on p.id = f.person_id and p.owner_id = $1
where f.owner_id = $2 and f.person_id = $3 and not exists (
  select from face.photo_states s
  where s.photo_id = f.photo_id and s.owner_id = $4 and s.withheld) and (date_trunc('milliseconds', f.created_at), f.id) < ($5, $6::uuid) order by date_trunc('milliseconds', f.created_at) desc, f.id desc limit $7;

-- listFaces: nobody's
select f.id, f.photo_id as "photoId", f.x, f.y, f.width, f.height, f.score, f.quality,
  f.person_id as "personId", coalesce(p.name, '') as "personName", f.source, f.similarity, f.erased,
  f.created_at as "createdAt"
from face.faces f left join face.people p on p.id = f.person_id and p.owner_id = $1
where f.owner_id = $2 and f.person_id is null and not exists (
  select from face.photo_states s
  where s.photo_id = f.photo_id and s.owner_id = $3 and s.withheld)  order by date_trunc('milliseconds', f.created_at) desc, f.id desc limit $4;

-- listFacesToExport
select f.id, f.photo_id as "photoId", f.x, f.y, f.width, f.height, f.score, f.quality,
  f.person_id as "personId", coalesce(p.name, '') as "personName", f.source, f.similarity, f.erased,
  f.created_at as "createdAt"
from face.faces f left join face.people p on p.id = f.person_id and p.owner_id = $1
where f.owner_id = $2 and f.person_id = $3 and f.id > $4::uuid order by f.id limit $5;

-- listPersonPhotos
select f.photo_id as "photoId" from face.faces f
where f.owner_id = $1 and f.person_id = $2 and not exists (
  select from face.photo_states s
  where s.photo_id = f.photo_id and s.owner_id = $3 and s.withheld) and f.photo_id < $4::uuid
group by f.photo_id order by f.photo_id desc limit $5;

-- findPersonStates
with recursive asked as (
  select id, position from unnest($1::uuid[]) with ordinality as a (id, position)
), chain as (
  select p.id as start, p.id, p.merged_into from face.people p
  where p.owner_id = $2 and p.id in (select id from asked)
  union
  select chain.start, p.id, p.merged_into from chain
  join face.people p on p.id = chain.merged_into and p.owner_id = $3
)
select asked.id as "personId", coalesce(p.name, '') as name, coalesce(p.hidden, false) as hidden,
  p.id is null or p.merged_into is not null as deleted,
  coalesce((select chain.id::text from chain
    where chain.start = p.id and p.merged_into is not null and chain.merged_into is null), '') as "mergedInto"
from asked left join face.people p on p.id = asked.id and p.owner_id = $4
order by asked.position;

-- listPhotoPeople
select asked.id as "photoId", coalesce(
  array_agg(distinct f.person_id::text) filter (where f.person_id is not null), '{}') as "personIds"
from unnest($1::uuid[]) with ordinality as asked (id, position)
left join face.faces f on f.photo_id = asked.id and f.owner_id = $2
group by asked.id, asked.position order by asked.position;

-- findFacesToDecide
select "id", "photo_id" as "photoId", "person_id" as "personId"
  from "face"."faces"
  where "owner_id" = $1 and "id" = any($2::uuid[]);

-- assignFaces
update "face"."faces"
  set "person_id" = $1, "source" = $2, "similarity" = $3
  where "owner_id" = $4 and "id" = any($5::uuid[]);
delete from "face"."merge_faces"
  where "owner_id" = $1 and "face_id" = any($2::uuid[]);
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
delete from face.face_rejections
where owner_id = $4 and face_id = any($5::uuid[]) and person_id in (select id from members);

-- assignFaces: nobody's
update "face"."faces"
  set "person_id" = $1, "source" = $2, "similarity" = $3
  where "owner_id" = $4 and "id" = any($5::uuid[]);
delete from "face"."merge_faces"
  where "owner_id" = $1 and "face_id" = any($2::uuid[]);

-- rejectFace
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
insert into face.face_rejections as r (face_id, person_id, owner_id, created_at)
select $4::uuid, members.id, $5::uuid, $6::timestamptz from members
on conflict (face_id, person_id) do update set merge_id = null, created_at = excluded.created_at
where r.merge_id is not null;
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
delete from face.merge_faces
where owner_id = $4 and face_id = $5 and person_id in (select id from members);
update "face"."faces"
  set "person_id" = $1, "source" = $2, "similarity" = $3
  where "owner_id" = $4 and "id" = $5 and "person_id" = $6;

-- unrejectFace
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
delete from face.face_rejections
where owner_id = $4 and face_id = $5 and person_id in (select id from members);

-- insertDistinction
insert into "face"."person_distinctions" ("person_a", "person_b", "owner_id", "created_at")
  values ($1, $2, $3, $4)
  on conflict ("person_a", "person_b") do nothing;

-- listDistinctPairs
with recursive chain as (
  select p.id as start, p.id, p.merged_into from face.people p
  where p.owner_id = $1 and exists (
    select from face.person_distinctions d
    where d.owner_id = $2 and p.id in (d.person_a, d.person_b))
  union
  select chain.start, p.id, p.merged_into from chain
  join face.people p on p.id = chain.merged_into and p.owner_id = $3
)
select distinct least(a.id, b.id) as "personId", greatest(a.id, b.id) as "otherId"
from face.person_distinctions d
join chain a on a.start = d.person_a and a.merged_into is null
join chain b on b.start = d.person_b and b.merged_into is null
where d.owner_id = $4 and a.id <> b.id;

-- listRejectedFaces
select "r"."face_id" as "faceId", "f"."photo_id" as "photoId", "r"."created_at" as "createdAt"
  from "face"."face_rejections" as "r"
  inner join "face"."faces" as "f" on "f"."id" = "r"."face_id"
  where "r"."owner_id" = $1 and "f"."owner_id" = $2 and "r"."person_id" = $3 and "r"."face_id" > $4
  order by "r"."face_id"
  limit $5;

-- deletePersons: erase
delete from "face"."face_embeddings"
  where owner_id = $1 and face_id in (select id from face.faces where owner_id = $2 and person_id = any($3::uuid[]));
delete from "face"."face_crops"
  where owner_id = $1 and face_id in (select id from face.faces where owner_id = $2 and person_id = any($3::uuid[]));
update face.faces set erased = true
where owner_id = $1 and person_id = any($2::uuid[]);
with released as (
  update face.faces set person_id = null, source = 'USER', similarity = null
  where owner_id = $1 and person_id = any($2::uuid[])
  returning photo_id
)
select distinct photo_id as "photoId" from released;
with gone as (
  delete from face.merges
  where owner_id = $1 and (survivor_id = any($2::uuid[]) or person_ids && $3::uuid[])
  returning id
)
delete from face.merge_faces
where owner_id = $4 and (person_id = any($5::uuid[]) or merge_id in (select id from gone));
delete from face.face_rejections where owner_id = $1 and person_id = any($2::uuid[]);
delete from face.person_distinctions
where owner_id = $1 and (person_a = any($2::uuid[]) or person_b = any($3::uuid[]));
delete from face.people
  where owner_id = $1 and id = any($2::uuid[]);
