import { type Kysely, sql } from "kysely";

/** Persons, what humans said of them, and embeddings in a partition per model. */
export const peopleMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createEmbeddings(db);
    await createPeople(db);
    await createDecisions(db);
    await createMerges(db);
    await sql`
      create table face.photo_states (
        photo_id uuid primary key,
        owner_id uuid not null,
        withheld boolean not null,
        revision bigint not null
      )`.execute(db);
    await sql`create index photo_states_owner on face.photo_states (owner_id)`.execute(db);
    await sql`
      create table face.face_owners (
        owner_id uuid primary key,
        enabled boolean not null default true,
        revision bigint not null default 0,
        regroup_requested_at timestamptz,
        regroup_finished_at timestamptz,
        faces_seen integer not null default 0,
        faces_assigned integer not null default 0,
        people_made integer not null default 0
      )`.execute(db);
    // Faces that were found before persons existed are grouped in the background.
    await sql`
      insert into face.face_owners (owner_id, regroup_requested_at)
      select distinct owner_id, now() from face.faces`.execute(db);
  },
};

async function createEmbeddings(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table face.face_models (
      model text primary key,
      dimension integer not null,
      state text not null check (state in ('FILLING', 'ACTIVE', 'RETIRED')),
      created_at timestamptz not null default now(),
      retired_at timestamptz,
      cursor uuid,
      filled boolean not null default false,
      faces_filled integer not null default 0,
      photos_skipped integer not null default 0,
      lease_owner uuid,
      lease_until timestamptz
    )`.execute(db);
  await sql`
    create unique index face_models_active on face.face_models (state) where state = 'ACTIVE'`.execute(db);
  await sql`
    create table face.face_embeddings (
      model text not null,
      face_id uuid not null,
      owner_id uuid not null,
      embedding bytea not null,
      primary key (model, face_id)
    ) partition by list (model)`.execute(db);
  await sql`create index face_embeddings_owner on face.face_embeddings (owner_id, face_id)`.execute(db);
  await sql`create index face_embeddings_face on face.face_embeddings (face_id)`.execute(db);
  // What was made before partitions existed waits in one of its own until its model's partition is there.
  await sql`create table face.face_embeddings_default partition of face.face_embeddings default`.execute(db);
  // They were named after the detector, too, on which an embedding does not depend.
  await sql`
    insert into face.face_embeddings (model, face_id, owner_id, embedding)
    select split_part(model, '+', 2) || '+face-alignment@1', id, owner_id, embedding from face.faces`.execute(
    db,
  );
  await sql`
    create table face.face_crops (
      face_id uuid primary key,
      owner_id uuid not null,
      jpeg bytea not null
    )`.execute(db);
  await sql`create index face_crops_owner on face.face_crops (owner_id)`.execute(db);
}

async function createPeople(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table face.people (
      id uuid primary key,
      owner_id uuid not null,
      name text not null default '',
      hidden boolean not null default false,
      favorite boolean not null default false,
      birth_date text,
      cover_face_id uuid,
      source text not null default 'MODEL' check (source in ('MODEL', 'USER')),
      merged_into uuid,
      request_id uuid,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`.execute(db);
  await sql`create index people_owner on face.people (owner_id)`.execute(db);
  await sql`create unique index people_request on face.people (owner_id, request_id)`.execute(db);
  await sql`
    alter table face.faces
      drop column embedding,
      drop column model,
      add column person_id uuid,
      add column source text not null default 'MODEL' check (source in ('MODEL', 'USER')),
      add column similarity real,
      add column erased boolean not null default false,
      add column detected boolean not null default true`.execute(db);
  await sql`create index faces_person on face.faces (owner_id, person_id, photo_id)`.execute(db);
}

async function createDecisions(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table face.face_rejections (
      face_id uuid not null,
      person_id uuid not null,
      owner_id uuid not null,
      merge_id uuid,
      created_at timestamptz not null default now(),
      primary key (face_id, person_id)
    )`.execute(db);
  await sql`create index face_rejections_owner on face.face_rejections (owner_id, person_id)`.execute(db);
  await sql`
    create table face.person_distinctions (
      person_a uuid not null,
      person_b uuid not null,
      owner_id uuid not null,
      merge_id uuid,
      created_at timestamptz not null default now(),
      primary key (person_a, person_b),
      check (person_a < person_b)
    )`.execute(db);
  await sql`create index person_distinctions_owner on face.person_distinctions (owner_id)`.execute(db);
}

async function createMerges(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table face.merges (
      id uuid primary key,
      owner_id uuid not null,
      survivor_id uuid not null,
      person_ids uuid[] not null,
      snapshot jsonb not null,
      created_at timestamptz not null default now(),
      undone_at timestamptz
    )`.execute(db);
  await sql`create index merges_owner on face.merges (owner_id, created_at)`.execute(db);
  await sql`
    create table face.merge_faces (
      merge_id uuid not null,
      face_id uuid not null,
      owner_id uuid not null,
      person_id uuid not null,
      primary key (merge_id, face_id)
    )`.execute(db);
  await sql`create index merge_faces_owner on face.merge_faces (owner_id)`.execute(db);
}
