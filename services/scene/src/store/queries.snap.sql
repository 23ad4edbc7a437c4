-- findScene
select "result", "model", "ms"
  from "scene"."photo_scenes"
  where "photo_id" = $1 and "owner_id" = $2;

-- findSceneOfBytes
select "result"
  from "scene"."photo_scenes"
  where "sha256" = $1 and "model" = $2
  limit $3;

-- saveScene
insert into "scene"."photo_scenes" ("photo_id", "owner_id", "sha256", "result", "model", "ms")
  values ($1, $2, $3, $4, $5, $6)
  on conflict ("photo_id") do update
  set "result" = $7, "model" = $8, "ms" = $9;

-- deleteScene
delete from "scene"."photo_scenes"
  where "photo_id" = $1 and "owner_id" = $2;
