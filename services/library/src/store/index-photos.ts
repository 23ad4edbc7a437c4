import { type Kysely, sql } from "kysely";
import type { PhotoFacts, SaidOfPhoto } from "../photo-facts.ts";
import { selectFacts } from "./photo-facts.ts";
import type { LibraryTables } from "./tables.ts";

/** A photo with all that is told of it. */
export interface IndexablePhoto extends PhotoFacts, SaidOfPhoto {
  /** Albums that hold it, whosever they are. */
  albumIds: string[];
}

/** Which photos of everybody. */
export interface IndexPage {
  /** Photo id behind which the page begins; undefined for the first. */
  after: string | undefined;
  limit: number;
}

/** A page of everybody's photos by id, which sorts by addition; photos of deleted owners are gone. */
export async function listIndexPhotos(db: Kysely<LibraryTables>, page: IndexPage): Promise<IndexablePhoto[]> {
  const { after } = page;
  return selectFacts(db)
    .select(["p.title", "p.description", "p.favorite", "p.hidden", "p.revision"])
    .select(sql<boolean>`p.trashed_at is not null`.as("trashed"))
    .select(
      sql<string[]>`array(
        select ap.album_id::text from library.album_photos ap where ap.photo_id = p.id order by ap.album_id)`.as(
        "albumIds",
      ),
    )
    .where(sql<boolean>`not exists (select from library.deleted_owners d where d.user_id = p.owner_id)`)
    .$if(after !== undefined, (query) => query.where("p.id", ">", after ?? ""))
    .orderBy("p.id")
    .limit(page.limit)
    .execute();
}
