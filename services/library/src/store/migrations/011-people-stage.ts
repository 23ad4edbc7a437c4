import { type Kysely, sql } from "kysely";

/**
 * The stage `people` of photos that were stored before there was one. Where the faces are still to be found it follows
 * by itself, so it waits; all others would wait for ever, so they say that it was not run. A job over the stage runs it.
 */
export const peopleStageMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      insert into library.photo_stages (photo_id, owner_id, stage, status, updated_at)
      select photo_id, owner_id, 'people',
        case when status in ('PENDING', 'RUNNING') then 'PENDING' else 'SKIPPED' end, updated_at
      from library.photo_stages where stage = 'faces'
      on conflict (photo_id, stage) do nothing`.execute(db);
  },
};
