import { type Kysely, type RawBuilder, sql } from "kysely";
import { findTextCollation } from "./text-collation.ts";

/** Facts of the photos, persons, albums and the owner's vocabulary: what queries filter by and are understood with. */
export const factsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await addFacts(db);
    await rebuildWords(db);
    await createPeople(db);
    await createAlbums(db);
    await createVocabulary(db);
    await addTrigrams(db);
  },
};

async function addFacts(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table search.documents
      add column width integer,
      add column height integer,
      add column media_type text,
      add column size_bytes bigint,
      add column camera text,
      add column lens text,
      add column city text,
      add column region text,
      add column country text,
      add column created_at timestamptz,
      add column favorite boolean not null default false,
      add column caption_meaning bytea,
      add column labels_meaning bytea,
      add column caption_event uuid,
      add column labels_event uuid,
      add column text_event uuid`.execute(db);
  await sql`
    alter table search.documents
      add column moment timestamptz generated always as (coalesce(taken_at, created_at, '0001-01-01T00:00:00Z')) stored`.execute(
    db,
  );
  await sql`create index documents_labels on search.documents using gin (labels)`.execute(db);
  await sql`drop index search.documents_owner`.execute(db);
  await sql`create index documents_owner on search.documents (owner_id, photo_id desc)`.execute(db);
  await sql`create index documents_moment on search.documents (owner_id, moment desc, photo_id desc)`.execute(
    db,
  );
}

/**
 * The owner is one of the words ("=" and the id), so that the text index itself looks at nobody else's photos. Names
 * of places, cameras and files are kept as they are: stemming is for prose.
 */
async function rebuildWords(db: Kysely<unknown>): Promise<void> {
  const collation = await findTextCollation(db);
  await sql`alter table search.documents drop column words`.execute(db);
  await sql`
    alter table search.documents add column words tsvector generated always as (
      case when deleted then ''::tsvector else
        setweight(to_tsvector('english', coalesce(title, '')), 'A') ||
        setweight(to_tsvector('english', coalesce(caption, '')), 'A') ||
        setweight(to_tsvector('english', coalesce(description, '')), 'B') ||
        setweight(to_tsvector('english', coalesce(search.join_words(labels), '')), 'B') ||
        setweight(to_tsvector('english', coalesce(ocr_text, '')), 'C') ||
        setweight(to_tsvector('simple', coalesce(filename, '') || ' ' ||
          regexp_replace(coalesce(filename, '')${collation}, '[^[:alnum:]]+', ' ', 'g')), 'D') ||
        setweight(to_tsvector('simple', coalesce(city, '') || ' ' || coalesce(region, '') || ' ' ||
          coalesce(country, '') || ' ' || coalesce(camera, '') || ' ' || coalesce(lens, '')), 'B') ||
        array_to_tsvector(array['=' || owner_id::text])
      end
    ) stored`.execute(db);
  // Without fastupdate: its list of pending words is read by every search, and nothing empties it in the embedded store.
  await sql`create index documents_words on search.documents using gin (words) with (fastupdate = off)`.execute(
    db,
  );
}

async function createPeople(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search.people (
      person_id uuid primary key,
      owner_id uuid not null,
      name text not null,
      hidden boolean not null,
      deleted boolean not null,
      merged_into uuid,
      revision bigint not null
    )`.execute(db);
  await sql`create index people_name on search.people (owner_id, lower(name))`.execute(db);
  await sql`
    create table search.document_people (
      photo_id uuid primary key,
      owner_id uuid not null,
      person_ids uuid[] not null,
      revision bigint not null
    )`.execute(db);
  await sql`create index document_people_owner on search.document_people (owner_id)`.execute(db);
  await sql`create index document_people_persons on search.document_people using gin (person_ids)`.execute(
    db,
  );
}

async function createAlbums(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table search.albums (
      album_id uuid primary key,
      owner_id uuid not null,
      name text not null,
      deleted boolean not null,
      revision bigint not null
    )`.execute(db);
  await sql`create index albums_name on search.albums (owner_id, lower(name))`.execute(db);
  await sql`
    create table search.document_albums (
      album_id uuid not null,
      photo_id uuid not null,
      owner_id uuid not null,
      present boolean not null,
      revision bigint not null,
      primary key (album_id, photo_id)
    )`.execute(db);
  await sql`create index document_albums_photo on search.document_albums (photo_id)`.execute(db);
  await sql`create index document_albums_owner on search.document_albums (owner_id)`.execute(db);
}

/**
 * Labels, places, cameras and plain words of each owner's photos that can be found, with how many photos have them.
 * Kept by a trigger, whoever changes a document and however it goes.
 */
async function createVocabulary(db: Kysely<unknown>): Promise<void> {
  const collation = await findTextCollation(db);
  await sql`
    create table search.vocabulary (
      owner_id uuid not null,
      kind text not null,
      word text not null,
      photos integer not null,
      primary key (owner_id, kind, word)
    )`.execute(db);
  await sql`create index vocabulary_lower on search.vocabulary (owner_id, lower(word) text_pattern_ops)`.execute(
    db,
  );
  await sql`
    create function search.vocabulary_of(shown boolean, labels text[], places text[], camera text, prose text)
    returns table (kind text, word text) language sql immutable as $$
      select kind, word from (
        select 'label', left(label, 100) from unnest(labels) as label where label <> ''
        union
        select 'place', left(place, 100) from unnest(places) as place where place <> ''
        union
        select 'camera', left(camera, 100) where camera <> ''
        union
        select 'word', lexeme
          from unnest(tsvector_to_array(to_tsvector('simple',
            concat_ws(' ', prose, search.join_words(labels), search.join_words(places), camera)))) as lexeme
          where lexeme${collation} ~ '^[[:alpha:]]{3,30}$'
      ) as said(kind, word) where shown
    $$`.execute(db);
  await keepVocabulary(db);
  await sql`
    insert into search.vocabulary (owner_id, kind, word, photos)
    select d.owner_id, v.kind, v.word, count(*) from search.documents d, ${wordsOf("d")} v group by 1, 2, 3`.execute(
    db,
  );
}

/** The words of a row of documents. */
function wordsOf(row: "d" | "gone" | "come") {
  const d = sql.ref(row);
  return sql`search.vocabulary_of(not ${d}.deleted and not ${d}.withheld, ${d}.labels,
    array[${d}.city, ${d}.region, ${d}.country], ${d}.camera, concat_ws(' ', ${d}.title, ${d}.caption, ${d}.description))`;
}

/** What the words of a row depend on. */
function saidOf(row: "gone" | "come") {
  const d = sql.ref(row);
  return sql`(${d}.owner_id, ${d}.deleted, ${d}.withheld, ${d}.labels, ${d}.city, ${d}.region, ${d}.country, ${d}.camera, ${d}.title,
    ${d}.caption, ${d}.description)`;
}

/**
 * Per statement, so that changing a thousand photos at once counts each word once; in the order of the words, so that
 * two photos changed at once wait for one another and never lock each other out.
 */
async function keepVocabulary(db: Kysely<unknown>): Promise<void> {
  const come = sql`select come.owner_id, v.kind, v.word, 1 as change from come, ${wordsOf("come")} v`;
  const gone = sql`select gone.owner_id, v.kind, v.word, -1 as change from gone, ${wordsOf("gone")} v`;
  const changed = sql`(
    select gone.photo_id from gone join come using (photo_id)
    where ${saidOf("gone")} is distinct from ${saidOf("come")}
  )`;
  const both = sql`${gone} where gone.photo_id in ${changed} union all ${come} where come.photo_id in ${changed}`;
  await keepOn(db, "insert", sql`new table as come`, come);
  await keepOn(db, "delete", sql`old table as gone`, gone);
  await keepOn(db, "update", sql`old table as gone new table as come`, both);
}

async function keepOn(
  db: Kysely<unknown>,
  event: "insert" | "delete" | "update",
  tables: RawBuilder<unknown>,
  changes: RawBuilder<unknown>,
): Promise<void> {
  const name = sql.ref(`search.keep_vocabulary_on_${event}`);
  await sql`
    create function ${name}() returns trigger language plpgsql as $$
    declare
      unused record;
    begin
      for unused in with change as (
        select owner_id, kind, word, sum(change) as photos from (${changes}) as each
        group by 1, 2, 3 having sum(change) <> 0
      ), kept as (
        insert into search.vocabulary (owner_id, kind, word, photos)
        select * from change order by owner_id, kind, word
        on conflict (owner_id, kind, word) do update set photos = vocabulary.photos + excluded.photos
        returning owner_id, kind, word, photos
      )
      select * from kept where photos <= 0 loop
        delete from search.vocabulary
        where owner_id = unused.owner_id and kind = unused.kind and word = unused.word;
      end loop;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger ${sql.ref(`documents_vocabulary_${event}`)} after ${sql.raw(event)} on search.documents
    referencing ${tables} for each statement execute function ${name}()`.execute(db);
}

/** Without the extension (a server that lacks it, a user who may not create it) misspelt words are not mended. */
async function addTrigrams(db: Kysely<unknown>): Promise<void> {
  await sql`
    do $$ begin
      create extension if not exists pg_trgm with schema public;
    exception when others then
      raise notice 'pg_trgm is not available: searches do not mend misspelt words (%)', sqlerrm;
    end $$`.execute(db);
}
