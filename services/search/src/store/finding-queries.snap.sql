-- isPhotoOf
select "photo_id"
  from "search"."documents"
  where "owner_id" = $1 and "photo_id" = $2 and "deleted" = $3;

-- findOldestYear
select extract(year from moment at time zone 'UTC')::int as year
from search.documents
where owner_id = $1 and moment > '-infinity' and taken_at is not null and not deleted and not withheld
order by moment limit 1;

-- listMemorySpans
select s.year, found.count, found.ids[1:$1::int] as "photoIds"
from unnest($2::int[], $3::timestamptz[],
            $4::timestamptz[]) with ordinality as s(year, starts, ends, place)
cross join lateral (
  select count(*)::int as count, array_agg(d.photo_id order by d.moment, d.photo_id) as ids
  from search.documents d
  where d.owner_id = $5 and d.moment >= s.starts and d.moment < s.ends
    and d.taken_at is not null and not d.deleted and not d.withheld
) found
where found.count > 0
order by s.place;

-- lockSmartAlbums
select pg_advisory_xact_lock(hashtextextended($1, 0));

-- findByRequest
select "id", "name", "query", "filter", "created_at" as "createdAt", "updated_at" as "updatedAt", lower(name) collate "C" as "sort"
  from "search"."smart_albums"
  where "owner_id" = $1 and "request_id" = $2;

-- countSmartAlbums
select count(*)::int as "count"
  from "search"."smart_albums"
  where "owner_id" = $1;

-- insertSmartAlbum
insert into "search"."smart_albums" ("id", "name", "query", "filter", "owner_id", "request_id", "created_at", "updated_at")
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  returning "id", "name", "query", "filter", "created_at" as "createdAt", "updated_at" as "updatedAt", lower(name) collate "C" as "sort";

-- findSmartAlbum
select "id", "name", "query", "filter", "created_at" as "createdAt", "updated_at" as "updatedAt", lower(name) collate "C" as "sort"
  from "search"."smart_albums"
  where "owner_id" = $1 and "id" = $2;

-- listSmartAlbums
select "id", "name", "query", "filter", "created_at" as "createdAt", "updated_at" as "updatedAt", lower(name) collate "C" as "sort"
  from "search"."smart_albums"
  where "owner_id" = $1 and (lower(name) collate "C", id) > ($2 collate "C", $3::uuid)
  order by lower(name) collate "C", "id"
  limit $4;

-- updateSmartAlbum
update "search"."smart_albums"
  set "name" = $1, "updated_at" = $2
  where "owner_id" = $3 and "id" = $4
  returning "id", "name", "query", "filter", "created_at" as "createdAt", "updated_at" as "updatedAt", lower(name) collate "C" as "sort";

-- deleteSmartAlbum
delete from "search"."smart_albums"
  where "owner_id" = $1 and "id" = $2;

-- listPersonNames
select 'person' as kind, n.name as text, n.begins, c.photos
from (
  select person_id, name, starts_with(folded, search.fold($1)) as begins from search.people
  where owner_id = $2 and name <> '' and not hidden and not deleted and folded like '%' || search.fold($3) || '%'
  order by begins desc, name, person_id limit $4
) n
cross join lateral (
  select count(*)::int as photos from (
    -- "offset 0": found by the person alone, whose index is the narrow one
    select from (
      select photo_id, owner_id from search.document_people where person_ids @> array[n.person_id] offset 0
    ) p join search.documents d on d.photo_id = p.photo_id
    where p.owner_id = $5 and d.owner_id = p.owner_id and not d.deleted and not d.withheld limit $6
  ) counted
) c
where c.photos > 0
order by n.begins desc, c.photos desc, n.name, n.person_id limit $7;

-- listAlbumNames
select 'album' as kind, n.name as text, n.begins, c.photos
from (
  select album_id, name, starts_with(folded, search.fold($1)) as begins from search.albums
  where owner_id = $2 and not deleted and folded like '%' || search.fold($3) || '%'
  order by begins desc, name, album_id limit $4
) n
cross join lateral (
  select count(*)::int as photos from (
    select from search.document_albums a join search.documents d on d.photo_id = a.photo_id
    where a.album_id = n.album_id and a.owner_id = $5 and a.present
      and d.owner_id = a.owner_id and not d.deleted and not d.withheld limit $6
  ) counted
) c
where c.photos > 0
order by n.begins desc, c.photos desc, n.name, n.album_id limit $7;

-- listWords
select kind, word as text, photos, starts_with(folded, search.fold($1)) as begins
from search.vocabulary
where owner_id = $2 and folded is not null and folded like '%' || search.fold($3) || '%'
order by begins desc, photos desc, word limit $4;
