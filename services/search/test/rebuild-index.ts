import { randomUUID, randomUUIDv7 } from "node:crypto";
import type { searchV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import { type RebuildOptions, type Rebuilds, startRebuilds } from "../src/rebuild.ts";
import type { SearchTables } from "../src/store/tables.ts";
import type { SourcesUnderTest } from "./rebuild-sources.ts";
import type { World } from "./rebuild-world.ts";
import type { SearchUnderTest } from "./search-harness.ts";

type Store = Kysely<SearchTables>;

/** Starts a replica that builds anew, patient for milliseconds only. */
export function startReplica(
  { host, engine }: SearchUnderTest,
  { sources }: SourcesUnderTest,
  more: Partial<RebuildOptions> = {},
): Rebuilds {
  return startRebuilds({
    db: host.database.db,
    engine,
    sources,
    log: host.log,
    now: () => new Date(),
    newId: randomUUID,
    ...{ pollMs: 10, pauseAfterErrorMs: 10, maxFailures: 3 },
    ...more,
  });
}

/** Waits until nothing is built anew any more. */
export async function untilEnd(rebuilds: Rebuilds): Promise<searchV1.Rebuild> {
  for (;;) {
    const state = await rebuilds.state();
    if (!state.running) return state;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Builds the whole index anew. */
export async function rebuildWhole(
  search: SearchUnderTest,
  sources: SourcesUnderTest,
): Promise<searchV1.Rebuild> {
  const rebuilds = startReplica(search, sources);
  try {
    await rebuilds.start();
    return await untilEnd(rebuilds);
  } finally {
    await rebuilds.stop();
  }
}

/** Empties everything that a rebuild builds. */
export async function emptyIndex(db: Store): Promise<void> {
  await sql`
    truncate search.documents, search.document_people, search.document_albums, search.people, search.albums,
      search.vocabulary, search.rebuild`.execute(db);
}

/** All that owners can find, and by what. */
export async function visibleState(db: Store): Promise<Record<string, unknown[]>> {
  const { rows: documents } = await sql`
    select d.photo_id, d.owner_id, d.sha256, d.filename, d.taken_at, d.created_at, d.city, d.caption, d.labels,
           d.ocr_text, d.title, d.description, d.favorite, d.withheld, d.revision, d.words::text,
           md5(d.caption_meaning) as caption_meaning, md5(d.labels_meaning) as labels_meaning,
           array(select p::text from search.document_people dp, unnest(dp.person_ids) p
                 where dp.photo_id = d.photo_id and dp.owner_id = d.owner_id order by 1) as persons,
           array(select p.name || p.hidden::text from search.document_people dp, search.people p
                 where dp.photo_id = d.photo_id and p.person_id = any(dp.person_ids) and not p.deleted
                   and p.owner_id = d.owner_id and dp.owner_id = d.owner_id order by 1) as names,
           array(select a.name || a.album_id::text from search.document_albums da join search.albums a using (album_id)
                 where da.photo_id = d.photo_id and da.owner_id = d.owner_id and da.present and not a.deleted
                 order by 1) as albums
    from search.documents d where not d.deleted order by 1`.execute(db);
  const { rows: people } = await sql`
    select person_id, owner_id, name, hidden from search.people p where not deleted
      and exists (select from search.documents d where d.owner_id = p.owner_id and not d.deleted) order by 1`.execute(
    db,
  );
  const { rows: albums } = await sql`
    select album_id, owner_id, name from search.albums where not deleted order by 1`.execute(db);
  const { rows: vocabulary } = await sql`
    select owner_id, kind, word, photos from search.vocabulary order by 1, 2, 3`.execute(db);
  return { documents, people, albums, vocabulary };
}

/** Ways in which an index can be wrong; each changes about half of what it could, chosen by `odd`. */
export const damages = {
  emptied: (db: Store, odd: number) =>
    sql`update search.documents set caption = null, labels = null, ocr_text = null, caption_meaning = null,
          title = 'wrong', taken_at = null, withheld = not withheld, favorite = not favorite, city = 'Nowhere'
        where not deleted and hashtext(photo_id::text) % 2 = ${odd}`.execute(db),
  lost: (db: Store, odd: number) =>
    sql`delete from search.documents where not deleted and abs(hashtext(photo_id::text)) % 3 = ${odd}`.execute(
      db,
    ),
  newer: (db: Store, odd: number) =>
    sql`update search.documents set revision = revision + 100, description = 'wrong'
        where not deleted and hashtext(photo_id::text) % 2 = ${odd}`.execute(db),
  swapped: (db: Store, odd: number, { owners }: World) =>
    sql`update search.documents set owner_id = case owner_id when ${owners[0]}::uuid then ${owners[1]}::uuid
          else ${owners[0]}::uuid end
        where not deleted and hashtext(photo_id::text) % 2 = ${odd}`.execute(db),
  foreign: async (db: Store, odd: number, { owners }: World) => {
    for (const owner_id of [owners[odd] ?? "", randomUUID()]) {
      const photo_id = randomUUIDv7();
      await db
        .insertInto("documents")
        .values({ photo_id, owner_id, sha256: "x", title: "Foreign bread", labels: ["cat"] })
        .execute();
      const named = { name: "Foreigner", hidden: false, deleted: false, merged_into: null, revision: 3 };
      const person_id = randomUUID();
      await db
        .insertInto("people")
        .values({ person_id, owner_id, ...named })
        .execute();
      const album_id = randomUUID();
      const album = { album_id, owner_id, name: "Foreign", deleted: false, revision: 3 };
      await db.insertInto("albums").values(album).execute();
      await sql`insert into search.document_albums
        select ${album_id}, photo_id, owner_id, true, 3 from search.documents where not deleted`.execute(db);
    }
  },
  persons: async (db: Store, odd: number) => {
    const half = sql`hashtext(person_id::text) % 2 = ${odd}`;
    await sql`delete from search.people where ${half}`.execute(db);
    await sql`update search.people set name = name || ' wrong', hidden = not hidden, deleted = not deleted,
                merged_into = gen_random_uuid()`.execute(db);
  },
  photoPersons: async (db: Store, odd: number) => {
    const half = sql`hashtext(photo_id::text) % 2 = ${odd}`;
    await sql`delete from search.document_people where ${half}`.execute(db);
    await sql`update search.document_people set person_ids = array[gen_random_uuid()]`.execute(db);
  },
  albums: async (db: Store, odd: number) => {
    const half = sql`hashtext(album_id::text) % 2 = ${odd}`;
    await sql`delete from search.albums where ${half}`.execute(db);
    await sql`update search.albums set name = 'wrong'`.execute(db);
  },
  photoAlbums: async (db: Store, odd: number) => {
    const half = sql`hashtext(photo_id::text) % 2 = ${odd}`;
    await sql`delete from search.document_albums where ${half}`.execute(db);
    await sql`update search.document_albums set present = not present`.execute(db);
  },
};
