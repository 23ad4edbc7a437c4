-- findGroupedRevision
select "o"."revision"
  from "face"."face_owners" as "o"
  where "o"."owner_id" = $1 and "o"."enabled" = $2 and not exists (select "m"."model"
  from "face"."face_models" as "m"
  where "m"."state" = $3 and "m"."model" <> $4);

-- listChangedFaces
select f.id, f.photo_id as "photoId", f.person_id as "personId", f.source, f.quality,
  f.changed_revision as revision, e.embedding
from face.faces f
left join face.face_embeddings e
  on e.face_id = f.id and e.model = $1 and f.person_id is null and f.source = 'MODEL' and not f.erased
where f.owner_id = $2 and (f.changed_revision > $3 or f.id = any($4::uuid[]));

-- listGoneFaces
select t.face_id as id, t.revision from face.face_tombstones t
where t.owner_id = $1 and (t.revision > $2 or t.face_id = any($3::uuid[]))
  and not exists (select from face.faces f where f.owner_id = $4 and f.id = t.face_id);

-- deleteTombstones
delete from "face"."face_tombstones"
  where "owner_id" = $1 and "revision" <= $2;

-- listExemplars
select best.person_id as "personId", best.id, best.photo_id as "photoId", best.quality, best.embedding
from unnest($1::uuid[]) as person (id)
cross join lateral (
  select f.person_id, f.id, f.photo_id, f.quality, e.embedding
  from face.faces f
  join face.face_embeddings e on e.face_id = f.id and e.model = $2
  where f.owner_id = $3 and f.person_id = person.id and not f.erased
    and f.changed_revision <= $4
  order by (f.source = 'USER') desc, f.quality desc, f.id
  limit $5
) best;

-- listPersonIds
select "id"
  from "face"."people"
  where "owner_id" = $1 and "merged_into" is null and "id" > $2
  order by "id"
  limit $3;

-- listLooseFaces: oldest first
select f.id, f.photo_id as "photoId", f.quality, e.embedding
from face.faces f
join face.face_embeddings e on e.face_id = f.id and e.model = $1
where f.owner_id = $2 and f.person_id is null and f.source = 'MODEL' and not f.erased
  and f.quality >= $3 and f.changed_revision <= $4
  and ($5::uuid is null or f.id > $6::uuid)
order by f.id asc
limit $7;

-- listLooseFaces: newest first
select f.id, f.photo_id as "photoId", f.quality, e.embedding
from face.faces f
join face.face_embeddings e on e.face_id = f.id and e.model = $1
where f.owner_id = $2 and f.person_id is null and f.source = 'MODEL' and not f.erased
  and f.quality >= $3 and f.changed_revision <= $4
  and ($5::uuid is null or f.id < $6::uuid)
order by f.id desc
limit $7;

-- listFacesToGroup
select f.id, f.photo_id as "photoId", f.person_id as "personId", f.source, f.quality, f.x, f.y, e.embedding
from face.faces f
left join face.face_embeddings e on e.face_id = f.id and e.model = $1 and not f.erased
where f.owner_id = $2 and f.photo_id = $3
order by f.quality desc, f.x, f.y, f.id;

-- listRejectionsOf
with recursive rejected as (
  select r.face_id, r.person_id from face.face_rejections r
  where r.owner_id = $1 and r.face_id = any($2::uuid[])
  union
  select rejected.face_id, p.merged_into from rejected
  join face.people p on p.id = rejected.person_id and p.owner_id = $3 and p.merged_into is not null
)
select face_id as "faceId", person_id as "personId" from rejected;

-- listStillLoose
select "id"
  from "face"."faces"
  where "owner_id" = $1 and "id" = any($2::uuid[]) and "person_id" is null and "source" = $3 and "erased" = $4;

-- giveFaces
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
update face.faces f set person_id = $4::uuid, similarity = given.similarity
from unnest($5::uuid[], $6::real[])
  as given (face_id, similarity)
where f.owner_id = $7 and f.id = given.face_id and f.person_id is null and f.source = 'MODEL'
  and not f.erased
  and exists (
    select from face.people p where p.owner_id = $8 and p.id = $9 and p.merged_into is null)
  and not exists (
    select from face.face_rejections r
    where r.owner_id = $10 and r.face_id = f.id and r.person_id in (select id from members))
returning f.id as "faceId", f.photo_id as "photoId";

-- insertFoundPerson
insert into "face"."people" ("id", "owner_id", "source")
  values ($1, $2, $3);

-- takeFaces: some
update face.faces set person_id = null, similarity = null
where owner_id = $1 and person_id = $2 and source = 'MODEL' and id = any($3::uuid[])
returning photo_id as "photoId";

-- takeFaces: all
update face.faces set person_id = null, similarity = null
where owner_id = $1 and person_id = $2 and source = 'MODEL' 
returning photo_id as "photoId";

-- moveFaces
with recursive members as (
  select p.id, p.id as root from face.people p
  where p.owner_id = $1 and p.id = any($2::uuid[])
  union
  select p.id, members.root from members
  join face.people p on p.merged_into = members.id and p.owner_id = $3
)
update face.faces f
set (person_id, similarity) = (
  select case when count(*) = 0 then $4::uuid end, case when count(*) = 0 then f.similarity end
  from face.face_rejections r
  where r.owner_id = $5 and r.face_id = f.id and r.person_id in (select id from members))
where f.owner_id = $6 and f.person_id = $7 and f.source = 'MODEL'
returning f.photo_id as "photoId";

-- listUntouched
select p.id from face.people p
where p.owner_id = $1 and p.id = any($2::uuid[])
  and p.source = 'MODEL' and p.merged_into is null
  and not exists (
    select from face.faces f where f.owner_id = $3 and f.person_id = p.id and f.source = 'USER')
  and not exists (
    select from face.face_rejections r where r.owner_id = $4 and r.person_id = p.id)
  and not exists (
    select from face.person_distinctions d
    where d.owner_id = $5 and p.id in (d.person_a, d.person_b))
  and not exists (
    select from face.people q where q.owner_id = $6 and q.merged_into = p.id)
order by p.id;

-- areTogether
select from face.faces one
join face.faces other on other.owner_id = $1 and other.photo_id = one.photo_id and other.person_id = $2
where one.owner_id = $3 and one.person_id = $4
limit 1;

-- countFaces
select count(*) as "count"
  from "face"."faces"
  where "owner_id" = $1 and "person_id" = $2;

-- listPersonFaces
select f.id, f.quality, e.embedding
from face.faces f
join face.face_embeddings e on e.face_id = f.id and e.model = $1
where f.owner_id = $2 and f.person_id = $3 and not f.erased
  and ($4::uuid is null or f.id > $5::uuid)
order by f.id limit $6;

-- findPersonNames
select "id", "name"
  from "face"."people"
  where "owner_id" = $1 and "id" = any($2::uuid[]) and "merged_into" is null;

-- listShownPersons
select "id"
  from "face"."people"
  where "owner_id" = $1 and "id" = any($2::uuid[]) and "hidden" = $3 and "merged_into" is null;

-- listPairsTogether
select pair.a as "personId", pair.b as "otherId"
from unnest($1::uuid[], $2::uuid[])
  as pair (a, b)
where exists (
  select from face.faces one
  join face.faces other
    on other.owner_id = $3 and other.person_id = pair.b and other.photo_id = one.photo_id
  where one.owner_id = $4 and one.person_id = pair.a);

-- requestRegrouping
insert into face.face_owners as o (owner_id, regroup_requested_at) values ($1, now())
on conflict (owner_id) do update
set regroup_requested_at = now(), regroup_finished_at = null,
  faces_seen = 0, faces_assigned = 0, people_made = 0
where o.regroup_requested_at is null or o.regroup_finished_at >= o.regroup_requested_at;

-- findRegrouping
select "regroup_requested_at", "regroup_finished_at", "faces_seen", "faces_assigned", "people_made"
  from "face"."face_owners"
  where "owner_id" = $1;

-- claimRegrouping
update face.face_owners o
set regroup_lease_owner = $1, regroup_lease_until = now() + $2 * interval '1 millisecond',
  regroup_phase = coalesce(o.regroup_phase, 'CHECK'),
  regroup_cursor = case when o.regroup_phase is null then null else o.regroup_cursor end
where o.owner_id = (
  select owner_id from face.face_owners
  where regroup_requested_at is not null
  and (regroup_finished_at is null or regroup_finished_at < regroup_requested_at) and enabled
    and (regroup_lease_until is null or regroup_lease_until < now())
    and not exists (select from face.face_models m where m.state = 'ACTIVE' and m.model <> $3)
  order by regroup_requested_at, owner_id
  limit 1
  for update skip locked
)
returning o.owner_id as "ownerId", o.regroup_phase as phase, o.regroup_cursor as cursor;

-- advanceRegrouping
update "face"."face_owners"
  set "regroup_phase" = $1, "regroup_cursor" = $2, "regroup_lease_until" = now() + $3 * interval '1 millisecond', "faces_seen" = "faces_seen" + $4, "faces_assigned" = "faces_assigned" + $5, "people_made" = "people_made" + $6
  where "owner_id" = $7 and "regroup_lease_owner" = $8;

-- finishRegrouping
update "face"."face_owners"
  set "regroup_finished_at" = now(), "regroup_phase" = $1, "regroup_cursor" = $2, "regroup_lease_owner" = $3, "regroup_lease_until" = $4, "regrouped_revision" = "revision"
  where "owner_id" = $5 and "regroup_lease_owner" = $6
  returning "revision";

-- releaseRegroupings
update "face"."face_owners"
  set "regroup_lease_owner" = $1, "regroup_lease_until" = $2
  where "regroup_lease_owner" = $3;

-- requestDueRegroupings
update face.face_owners
set regroup_requested_at = now(), regroup_finished_at = null,
  faces_seen = 0, faces_assigned = 0, people_made = 0
where owner_id in (
  select o.owner_id from face.face_owners o
  where o.enabled and o.revision > o.regrouped_revision
    and (o.regroup_requested_at is null or o.regroup_finished_at >= o.regroup_requested_at)
    and coalesce(o.regroup_finished_at, '-infinity') < now() - $1 * interval '1 millisecond'
    and exists (
      select from face.faces f
      where f.owner_id = o.owner_id and f.changed_revision > o.regrouped_revision
        and f.person_id is null and f.source = 'MODEL' and not f.erased and f.quality >= $2)
  order by o.owner_id limit $3
  for update skip locked
);
