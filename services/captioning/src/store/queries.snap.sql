-- findCaption
select "text", "source", "score", "model", "ms"
  from "captioning"."captions"
  where "photo_id" = $1 and "owner_id" = $2;

-- findCaptionOfBytes
select "text", "source", "score"
  from "captioning"."captions"
  where "sha256" = $1 and "model" = $2 and "source" <> $3
  limit $4;

-- saveModelCaption
insert into "captioning"."captions" ("photo_id", "owner_id", "sha256", "text", "score", "source", "model", "ms")
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict ("photo_id") do update
  set "text" = $9, "score" = $10, "source" = $11, "model" = $12, "ms" = $13
  where "captioning"."captions"."source" <> $14
  returning "photo_id";
select "text", "source", "score", "model", "ms"
  from "captioning"."captions"
  where "photo_id" = $1 and "owner_id" = $2;

-- findText
select "lines", "model", "ms"
  from "captioning"."photo_texts"
  where "photo_id" = $1 and "owner_id" = $2;

-- findTextOfBytes
select "lines"
  from "captioning"."photo_texts"
  where "sha256" = $1 and "model" = $2
  limit $3;

-- saveText
insert into "captioning"."photo_texts" ("photo_id", "owner_id", "sha256", "lines", "model", "ms")
  values ($1, $2, $3, $4, $5, $6)
  on conflict ("photo_id") do update
  set "lines" = $7, "model" = $8, "ms" = $9;

-- deletePhotoWords
delete from "captioning"."captions"
  where "photo_id" = $1 and "owner_id" = $2;
delete from "captioning"."photo_texts"
  where "photo_id" = $1 and "owner_id" = $2;
