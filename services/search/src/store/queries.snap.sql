-- addToDocument: a caption
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "ended", "caption")
  values ($1, $2, $3, $4::text[], $5)
  on conflict ("photo_id") do update
  set "caption" = $6, "ended" = array(select distinct unnest(documents.ended || $7::text[])
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
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "title", "description", "withheld", "taken_at", "revision")
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict ("photo_id") do update
  set "title" = $9, "description" = $10, "withheld" = $11, "taken_at" = $12, "revision" = $13
  where "search"."documents"."deleted" = $14 and "search"."documents"."owner_id" = $15 and "search"."documents"."revision" < $16
  returning "photo_id";
update "search"."photo_embeddings"
  set "withheld" = $1
  where "photo_id" = $2 and "owner_id" = $3;

-- markIndexed
update "search"."documents"
  set "indexed_at" = $1
  where "photo_id" = $2;

-- deleteDocument
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "filename", "caption", "labels", "ocr_text", "taken_at", "title", "description", "deleted")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict ("photo_id") do update
  set "filename" = $12, "caption" = $13, "labels" = $14, "ocr_text" = $15, "taken_at" = $16, "title" = $17, "description" = $18, "deleted" = $19, "sha256" = $20;
delete from "search"."photo_embeddings"
  where "photo_id" = $1 and "owner_id" = $2;

-- matchWords
with wanted as (
  select all_words,
         -- with an excluded word (!) "any of them" would match whatever merely lacks it
         case when all_words::text like '%!%' then all_words
              else replace(all_words::text, ' & ', ' | ')::tsquery end as any_word
  from websearch_to_tsquery('english', $1) as all_words
)
select photo_id as "photoId",
       coalesce(caption, '') as caption, coalesce(labels, '{}') as labels, coalesce(ocr_text, '') as "ocrText",
       coalesce(title, '') as title, coalesce(description, '') as description,
       (case when words @@ all_words then 0.6 else 0 end + 0.4 * ts_rank_cd(words, any_word, 32))::float8 as rank
from search.documents, wanted
where owner_id = $2 and not deleted and not withheld and words @@ any_word
order by rank desc, photo_id desc
limit $3;

-- saveEmbedding
insert into "search"."photo_embeddings" ("photo_id", "owner_id", "sha256", "model", "embedding", "withheld")
  values ($1, $2, $3, $4, $5, coalesce((select "withheld"
  from "search"."documents"
  where "photo_id" = $6), $7))
  on conflict ("photo_id", "model") do update
  set "embedding" = $8;

-- findEmbeddingOfBytes
select embedding::text as "embedding"
  from "search"."photo_embeddings"
  where "sha256" = $1 and "model" = $2
  limit $3;

-- nearestPhotos
select photo_id as "photoId", (1 - (embedding <=> $1::public.halfvec))::float8 as cosine
from search.photo_embeddings
where owner_id = $2 and model = $3 and not withheld
order by embedding <=> $4::public.halfvec
limit $5;
