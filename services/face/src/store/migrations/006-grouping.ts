import { type Kysely, sql } from "kysely";

/**
 * What grouping follows changes by. Triggers do it, because a writer that forgot would leave a replica comparing with
 * faces that are somebody else's by now.
 */
export const groupingMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`alter table face.faces add column changed_revision bigint not null default 0`.execute(db);
    await sql`create index faces_changed on face.faces (owner_id, changed_revision)`.execute(db);
    await sql`
      create index faces_loose on face.faces (owner_id, id)
      where person_id is null and source = 'MODEL' and not erased`.execute(db);
    await sql`
      create table face.face_tombstones (
        face_id uuid primary key,
        owner_id uuid not null,
        revision bigint not null
      )`.execute(db);
    await sql`create index face_tombstones_owner on face.face_tombstones (owner_id, revision)`.execute(db);
    await sql`
      alter table face.face_owners
        add column regroup_phase text,
        add column regroup_cursor uuid,
        add column regroup_lease_owner uuid,
        add column regroup_lease_until timestamptz,
        add column regrouped_revision bigint not null default 0`.execute(db);
    await createTriggers(db);
  },
};

async function createTriggers(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function face.stamp_face() returns trigger language plpgsql as $$
    begin
      new.changed_revision := coalesce(
        (select revision from face.face_owners where owner_id = new.owner_id), 0);
      return new;
    end $$`.execute(db);
  await sql`
    create trigger faces_stamp
    before insert or update of photo_id, person_id, source, quality, erased on face.faces
    for each row execute function face.stamp_face()`.execute(db);
  await sql`
    create function face.bury_face() returns trigger language plpgsql as $$
    begin
      insert into face.face_tombstones (face_id, owner_id, revision)
      select old.id, old.owner_id, revision from face.face_owners where owner_id = old.owner_id
      on conflict (face_id) do update set revision = excluded.revision;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger faces_bury after delete on face.faces
    for each row execute function face.bury_face()`.execute(db);
  // An embedding may come or go without its face: when a model is filled, or when a user turns faces off. It is stamped
  // with the revision to come, because the change that is counted already may have been read.
  await sql`
    create function face.stamp_embedded_face() returns trigger language plpgsql as $$
    declare changed record;
    begin
      changed := case when tg_op = 'DELETE' then old else new end;
      update face.faces f set changed_revision = o.revision + 1
      from face.face_owners o
      where f.id = changed.face_id and f.owner_id = changed.owner_id and o.owner_id = changed.owner_id
        and f.changed_revision < o.revision;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger face_embeddings_stamp after insert or update or delete on face.face_embeddings
    for each row execute function face.stamp_embedded_face()`.execute(db);
}
