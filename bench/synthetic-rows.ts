import { stages as stageTree } from "@ocelli/contracts";
import type { Pool } from "pg";

/**
 * Gives an owner so many analysed photos, in the stores of all services, without files. `from` makes the rows of
 * several calls distinct. Their ids sort before those of real uploads, as those of older photos do.
 */
export async function fillLibrary(pool: Pool, ownerId: string, photos: number, from: number): Promise<void> {
  const made = `
    with made as (
      select n, md5('photo' || n) as hash, ('01800000' || substr(md5('photo' || n), 9))::uuid as id, $1::uuid as owner
      from generate_series($2::int + 1, $2::int + $3::int) as n
    )`;
  for (const statement of statements) await pool.query(`${made} ${statement}`, [ownerId, from, photos]);
}

const words = `(array['dog','beach','street','kitchen','mountain','car','people','snow'])[1 + n % 8]`;

const statements = [
  `insert into library.images (sha256, media_type, width, height, size_bytes)
   select hash || hash, 'image/jpeg', 1200, 900, 250000 from made`,
  `insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at)
   select id, owner, hash || hash, 'photo-' || n || '.jpg', now(), now() from made`,
  `insert into library.photo_stages (photo_id, owner_id, stage, status, attempts, model, ms)
   select id, owner, stage, 'SUCCEEDED', 1, 'synthetic', 100
   from made, unnest(array[${stageTree.map(({ name }) => `'${name}'`)}]) as stage`,
  `insert into library.inbox (consumer, event_id)
   select 'library-stages', md5(hash || k)::uuid from made, generate_series(1, ${stageTree.length}) as k`,
  `insert into library.outbox (id, subject, payload, sent_at)
   select id, 'ocelli.library.photo.ready', '\\x00', now() from made`,
  `insert into captioning.captions (photo_id, owner_id, sha256, text, source, score, model, ms)
   select id, owner, hash || hash, 'a ' || ${words} || ' in the sun', 'RESULT_SOURCE_MODEL', 0.3, 'synthetic', 100
   from made`,
  `insert into captioning.photo_texts (photo_id, owner_id, sha256, lines, model, ms)
   select id, owner, hash || hash, '[]', 'synthetic', 100 from made`,
  `insert into face.face_scans (photo_id, owner_id, sha256, model, ms)
   select id, owner, hash || hash, 'synthetic', 100 from made`,
  `insert into face.faces (id, photo_id, owner_id, x, y, width, height, score, quality, landmarks, embedding, model)
   select md5('face' || n)::uuid, id, owner, .1, .1, .2, .2, .9, .5, '[]', decode(repeat('00', 512), 'hex'), 'synthetic'
   from made`,
  `insert into scene.photo_scenes (photo_id, owner_id, sha256, result, model, ms)
   select id, owner, hash || hash, '\\x00', 'synthetic', 100 from made`,
  `insert into search.documents (photo_id, owner_id, sha256, filename, caption, labels, ended, indexed_at)
   select id, owner, hash || hash, 'photo-' || n || '.jpg', 'a ' || ${words} || ' in the sun', array[${words}],
     array['caption','ocr','scene'], now() from made`,
  `insert into search.vectors_1 (photo_id, owner_id, sha256, vector)
   select id, owner, hash || hash,
     (select array_agg(sin(n * k)::real) from generate_series(1, 384) as k)::vector::halfvec from made`,
  `insert into search.vector_codes_1 (photo_id, owner_id, revision, code)
   select id, owner, n, binary_quantize(vector)::bit(384) from made join search.vectors_1 on photo_id = id`,
  `insert into search.vector_owners (model_number, owner_id, photos, revision)
   select 1, owner, count(*), max(n) from made group by owner
   on conflict (model_number, owner_id) do update
     set photos = vector_owners.photos + excluded.photos, revision = excluded.revision`,
];
