import { type Kysely, sql } from "kysely";

/** What owners say of their photos: words to find them by, and that some are not to be found. */
export const photoChangesMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      alter table search.documents
        add column title text,
        add column description text,
        add column withheld boolean not null default false,
        add column revision bigint not null default 0`.execute(db);
    await sql`alter table search.photo_embeddings add column withheld boolean not null default false`.execute(
      db,
    );
    // A generated column cannot be changed, only made again; its index goes and comes with it.
    await sql`alter table search.documents drop column words`.execute(db);
    await sql`
      alter table search.documents add column words tsvector generated always as (
        setweight(to_tsvector('english', coalesce(title, '')), 'A') ||
        setweight(to_tsvector('english', coalesce(caption, '')), 'A') ||
        setweight(to_tsvector('english', coalesce(description, '')), 'B') ||
        setweight(to_tsvector('english', coalesce(search.join_words(labels), '')), 'B') ||
        setweight(to_tsvector('english', coalesce(ocr_text, '')), 'C') ||
        setweight(to_tsvector('simple', coalesce(filename, '')), 'D')
      ) stored`.execute(db);
    await sql`create index documents_words on search.documents using gin (words)`.execute(db);
  },
};
