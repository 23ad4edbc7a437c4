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

-- markIndexed
update "search"."documents"
  set "indexed_at" = $1
  where "photo_id" = $2;

-- deleteDocument
insert into "search"."documents" ("photo_id", "owner_id", "sha256", "filename", "caption", "labels", "ocr_text", "taken_at", "deleted")
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict ("photo_id") do update
  set "filename" = $10, "caption" = $11, "labels" = $12, "ocr_text" = $13, "taken_at" = $14, "deleted" = $15, "sha256" = $16;
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
       (case when words @@ all_words then 0.6 else 0 end + 0.4 * ts_rank_cd(words, any_word, 32))::float8 as rank
from search.documents, wanted
where owner_id = $2 and not deleted and words @@ any_word
order by rank desc, photo_id desc
limit $3;

-- saveEmbedding
insert into "search"."photo_embeddings" ("photo_id", "owner_id", "sha256", "model", "embedding")
  values ($1, $2, $3, $4, $5)
  on conflict ("photo_id", "model") do update
  set "embedding" = $6;

-- findEmbeddingOfBytes
select embedding::text as "embedding"
  from "search"."photo_embeddings"
  where "sha256" = $1 and "model" = $2
  limit $3;

-- nearestPhotos
select photo_id as "photoId", (1 - (embedding <=> $1::public.halfvec))::float8 as cosine
from search.photo_embeddings
where owner_id = $2 and model = $3
order by embedding <=> $4::public.halfvec
limit $5;
