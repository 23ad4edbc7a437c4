-- addToDocument: a caption
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "ended", "caption", "caption_event")
  values ($1, $2, $3, $4::text[], $5, $6)
  on conflict ("photo_id") do update
  set "caption" = case when "search"."documents"."caption_event" > "excluded"."caption_event" then "search"."documents"."caption" else "excluded"."caption" end, "caption_event" = case when "search"."documents"."caption_event" > "excluded"."caption_event" then "search"."documents"."caption_event" else "excluded"."caption_event" end, "ended" = array(select distinct unnest(documents.ended || $7::text[])
  order by 1)
  where "search"."documents"."deleted" = $8
  returning "ended", "indexed_at";

-- addToDocument: nothing but the document
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "ended")
  values ($1, $2, $3, $4::text[])
  on conflict ("photo_id") do update
  set "ended" = array(select distinct unnest(documents.ended || $5::text[])
  order by 1)
  where "search"."documents"."deleted" = $6
  returning "ended", "indexed_at";

-- addToDocument: a capture time
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "ended", "taken_at")
  values ($1, $2, $3, $4::text[], $5)
  on conflict ("photo_id") do update
  set "taken_at" = case when documents.revision > 0 then documents.taken_at else excluded.taken_at end, "ended" = array(select distinct unnest(documents.ended || $6::text[])
  order by 1)
  where "search"."documents"."deleted" = $7
  returning "ended", "indexed_at";

-- changeDocument
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "title", "description", "withheld", "favorite", "taken_at", "revision")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict ("photo_id") do update
  set "title" = $10, "description" = $11, "withheld" = $12, "favorite" = $13, "taken_at" = $14, "revision" = $15
  where "search"."documents"."deleted" = $16 and "search"."documents"."owner_id" = $17 and "search"."documents"."revision" < $18
  returning "photo_id";
select "number"
  from "search"."index_models"
  order by "number";

-- markIndexed
update "search"."documents"
  set "indexed_at" = $1
  where "photo_id" = $2;

-- deleteDocument
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "filename", "caption", "labels", "ocr_text", "taken_at", "created_at", "width", "height", "media_type", "size_bytes", "camera", "lens", "city", "region", "country", "favorite", "caption_meaning", "labels_meaning", "caption_event", "labels_event", "text_event", "title", "description", "deleted")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
  on conflict ("photo_id") do update
  set "filename" = $28, "caption" = $29, "labels" = $30, "ocr_text" = $31, "taken_at" = $32, "created_at" = $33, "width" = $34, "height" = $35, "media_type" = $36, "size_bytes" = $37, "camera" = $38, "lens" = $39, "city" = $40, "region" = $41, "country" = $42, "favorite" = $43, "caption_meaning" = $44, "labels_meaning" = $45, "caption_event" = $46, "labels_event" = $47, "text_event" = $48, "title" = $49, "description" = $50, "deleted" = $51, "sha256" = $52;
delete from "search"."document_people"
  where "photo_id" = $1 and "owner_id" = $2;
delete from "search"."document_albums"
  where "photo_id" = $1 and "owner_id" = $2;
select "number"
  from "search"."index_models"
  order by "number";
delete from "search"."vector_failures"
  where "photo_id" = $1 and "owner_id" = $2;
delete from search.picture_bands b using search.pictures p, generate_series(0, 3) as band
where p.photo_id = $1 and p.owner_id = $2 and p.hash is not null
  and b.owner_id = p.owner_id and b.photo_id = p.photo_id
  and b.value = (band * 65536 + ((p.hash >> (band * 16)) & 65535))::int;
delete from "search"."pictures"
  where "photo_id" = $1 and "owner_id" = $2;
with mine as (
  delete from search.duplicate_pairs where owner_id = $1 and photo_id = $2
  returning other_id
)
delete from search.duplicate_pairs p using mine
where p.owner_id = $3 and p.photo_id = mine.other_id and p.other_id = $4;
delete from "search"."kept_duplicates"
  where "owner_id" = $1 and ("photo_id" = $2 or "other_id" = $3);

-- savePerson
insert into "search"."people" ("person_id", "owner_id", "name", "hidden", "deleted", "merged_into", "revision")
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict ("person_id") do update
  set "person_id" = $8, "owner_id" = $9, "name" = $10, "hidden" = $11, "deleted" = $12, "merged_into" = $13, "revision" = $14
  where "search"."people"."owner_id" = $15 and "search"."people"."revision" < $16;

-- savePhotoPersons
insert into search.document_people (photo_id, owner_id, person_ids, revision)
select said."photoId", $1, said."personIds", $2
from jsonb_to_recordset($3::jsonb) as said("photoId" uuid, "personIds" uuid[])
where not exists (
  select from search.documents d where d.photo_id = said."photoId" and (d.deleted or d.owner_id <> $4)
)
order by 1
on conflict (photo_id) do update set person_ids = excluded.person_ids, revision = excluded.revision
where document_people.owner_id = excluded.owner_id and document_people.revision < excluded.revision;

-- saveAlbum: deleted
insert into "search"."albums" ("album_id", "owner_id", "name", "deleted", "revision")
  values ($1, $2, $3, $4, $5)
  on conflict ("album_id") do update
  set "album_id" = $6, "owner_id" = $7, "name" = $8, "deleted" = $9, "revision" = $10
  where "search"."albums"."owner_id" = $11 and "search"."albums"."revision" < $12
  returning "album_id";
delete from "search"."document_albums"
  where "album_id" = $1 and "owner_id" = $2;

-- saveAlbumPhotos
insert into search.document_albums (album_id, photo_id, owner_id, present, revision)
select $1, said.photo_id, $2, $3, $4
from unnest($5::uuid[]) as said(photo_id)
where not exists (
  select from search.documents d
  where d.photo_id = said.photo_id and (d.deleted or d.owner_id <> $6)
)
and not exists (select from search.albums a where a.album_id = $7 and a.deleted)
order by 2
on conflict (album_id, photo_id) do update set present = excluded.present, revision = excluded.revision
where document_albums.owner_id = excluded.owner_id and document_albums.revision < excluded.revision;

-- findNames
select 'person' as kind, name, person_id::text as id from search.people
where $1 and owner_id = $2 and not deleted and not hidden and name <> ''
  and (lower(name) = any($3::text[]) or lower(split_part(name, ' ', 1)) = any($4::text[]))
union all
select 'album', name, album_id::text from search.albums
where owner_id = $5 and not deleted and lower(name) = any($6::text[])
union all
select kind, word, null from search.vocabulary
where owner_id = $7 and lower(word) = any($8::text[]) and kind in ('place', 'camera', 'label')
limit 500;

-- findKnownWords
select distinct lower(word) as word from search.vocabulary
where owner_id = $1 and lower(word) = any($2::text[])
union
select asked from unnest($3::text[]) as asked
where exists (
  select from search.people
  where $4 and owner_id = $5 and not deleted and strpos(lower(name), asked) > 0
);

-- findSimilarWords
select to_regproc('public.similarity') is not null as there;
select word from (
  select word from search.vocabulary
  where owner_id = $1 and kind = 'word'
    and length(word) between $2::int and $3::int
  union
  select lower(name) from search.people
  where $4 and owner_id = $5 and not deleted and not hidden and name <> ''
  union
  select lower(split_part(name, ' ', 1)) from search.people
  where $6 and owner_id = $7 and not deleted and not hidden and name <> ''
) as known
where public.similarity(word, $8) >= $9
order by public.similarity(word, $10) desc, word
limit $11;

-- compileWords
select n, string_agg(exact::text, ' | ') filter (where numnode(exact) > 0) as exact,
       string_agg(beginning::text, ' | ') filter (where numnode(beginning) > 0) as beginning
from jsonb_to_recordset($1::jsonb) as asked(n int, text text, phrase bool, typing bool)
cross join lateral (
  select case when phrase then phraseto_tsquery('english', text) else plainto_tsquery('english', text) end as prose,
         case when phrase then phraseto_tsquery('simple', text) else plainto_tsquery('simple', text) end as name
) as said
cross join lateral (
  select case when numnode(prose) = 0 then prose else prose || name end as exact,
         case when typing and numnode(prose) > 0
              then to_tsquery('simple', text || ':*') else ''::tsquery end as beginning
) as compiled
group by n order by n;

-- matchWords: all
select photo_id as "photoId", array[case when words @@ $1::tsquery then 1 when words @@ $2::tsquery then $3::float8 else 0 end]::float8[] as found,
       ts_rank_cd(words, $4::tsquery, 32)::float8 as rank
from (
  select d.photo_id, d.words from search.documents d
  where d.words @@ $5::tsquery and (d.owner_id = $6) is true and (not d.deleted and not d.withheld)
  order by ts_rank($7::float4[], d.words, $8::tsquery) desc, d.moment desc, d.photo_id desc
  limit $9
) as held;

-- matchWords: any, within a condition
select photo_id as "photoId", array[(words @@ $1::tsquery)::int, (words @@ $2::tsquery)::int]::float8[] as found,
       ts_rank_cd(words, $3::tsquery, 32)::float8 as rank
from (
  select d.photo_id, d.words from search.documents d
  where d.words @@ $4::tsquery and (d.owner_id = $5) is true and (not d.deleted and not d.withheld and d.favorite = $6)
  order by ts_rank($7::float4[], d.words, $8::tsquery) desc, d.moment desc, d.photo_id desc
  limit $9
) as held;

-- listPhotos: every condition
select d.photo_id as "photoId", to_char(d.moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
from search.documents d
where d.owner_id = $1 and (not d.deleted and not d.withheld and ((d.photo_id in (
select m.photo_id from search.document_albums m left join search.albums a on a.album_id = m.album_id
where m.album_id = any($2::uuid[]) and m.owner_id = $3 and m.present
  and a.deleted is not true
  ) or d.photo_id in (
select p.photo_id from search.document_people p
where p.owner_id = $4 and p.person_ids && array(
  with recursive same as (
    select unnest($5::uuid[]) as person_id, 0 as depth
    union
    select m.person_id, same.depth + 1 from search.people m join same on m.merged_into = same.person_id
    where m.owner_id = $6 and same.depth < 8
  )
  select same.person_id from same
)
  ) or d.labels @> array[$7]) and (lower(d.media_type) = $8 or split_part(lower(d.media_type), '/', 2) = $9) and strpos(lower(concat_ws(' ', d.camera, d.lens)), $10) > 0 and strpos(lower(concat_ws(chr(10), d.city, d.region, d.country)), $11) > 0 and (lower(d.city) = $12 or lower(d.region) = $13 or lower(d.country) = $14) and (d.moment >= $15 and d.moment < $16) and d.favorite = $17 and (d.words @@ $18::tsquery) is not true)) and true
order by d.moment desc, d.photo_id desc
limit $19;

-- listPhotos: the next page
select d.photo_id as "photoId", to_char(d.moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as moment
from search.documents d
where d.owner_id = $1 and (not d.deleted and not d.withheld and d.favorite = $2) and (d.moment, d.photo_id) < ($3::timestamptz, $4::uuid)
order by d.moment desc, d.photo_id desc
limit $5;

-- countPhotos
select count(*)::int as photos from search.documents d
where d.owner_id = $1 and (not d.deleted and not d.withheld and d.favorite = $2);

-- readDocuments
select d.photo_id as "photoId", coalesce(d.title, '') as title, coalesce(d.description, '') as description,
       coalesce(d.caption, '') as caption, coalesce(d.labels, '{}') as labels,
       coalesce(d.ocr_text, '') as "ocrText", concat_ws(chr(10), d.city, d.region, d.country) as places,
       coalesce(d.camera, '') as camera, coalesce(d.filename, '') as filename,
       array[coalesce(d.favorite = $1, false)]::boolean[] as holds
from search.documents d
where (d.owner_id = $2) is true and d.photo_id = any($3::uuid[]);

-- readMeanings
select d.photo_id as "photoId", d.caption_meaning as caption, d.labels_meaning as labels
from search.documents d
where (d.owner_id = $1) is true and d.photo_id = any($2::uuid[])
  and (d.caption_meaning is not null or d.labels_meaning is not null);
