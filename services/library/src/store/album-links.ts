import { type Kysely, sql } from "kysely";
import { isShown } from "./album-views.ts";
import { isDisabled } from "./disabled-owners.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** A public link as its owner sees it. */
export interface AlbumLink {
  id: string;
  albumId: string;
  hasPassword: boolean;
  originals: boolean;
  expiresAt: Date | null;
  createdAt: Date;
}

/** A public link to store. */
export interface NewLink extends Omit<AlbumLink, "hasPassword"> {
  ownerId: string;
  secretHash: Buffer;
  passwordHash: string | null;
}

/** What opening a link needs to know. */
export interface LinkToOpen {
  id: string;
  ownerId: string;
  passwordHash: string | null;
  expiresAt: Date | null;
}

/** What a visit may see. */
export interface Visit {
  linkId: string;
  albumId: string;
  name: string;
  description: string;
  originals: boolean;
}

/** A photo as a visitor sees it. */
export interface LinkedPhoto {
  id: string;
  width: number;
  height: number;
}

const linkColumns = [
  "id",
  "album_id as albumId",
  sql<boolean>`(password_hash is not null)`.as("hasPassword"),
  "originals",
  "expires_at as expiresAt",
  "created_at as createdAt",
] as const;

/** Stores a link; false when the album has `limit` already. Links that are over count until they are deleted. */
export async function insertLink(trx: Store, link: NewLink, limit: number): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    insert into library.album_links
      (id, album_id, owner_id, secret_hash, password_hash, originals, expires_at, created_at)
    select ${link.id}::uuid, ${link.albumId}::uuid, ${link.ownerId}::uuid, ${link.secretHash}::bytea,
      ${link.passwordHash}::text, ${link.originals}::boolean, ${link.expiresAt}::timestamptz,
      ${link.createdAt}::timestamptz
    where (select count(*) from library.album_links where album_id = ${link.albumId}) < ${limit}`.execute(
    trx,
  );
  return numAffectedRows > 0n;
}

/** Links of an owner's album, the oldest first. */
export async function listLinks(db: Store, ownerId: string, albumId: string): Promise<AlbumLink[]> {
  return db
    .selectFrom("album_links")
    .select(linkColumns)
    .where("album_id", "=", albumId)
    .where("owner_id", "=", ownerId)
    .orderBy("id")
    .execute();
}

/** Deletes a link with its visits; false when it is not the owner's. */
export async function deleteLink(
  db: Store,
  { ownerId, albumId, linkId }: { ownerId: string; albumId: string; linkId: string },
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("album_links")
    .where("id", "=", linkId)
    .where("album_id", "=", albumId)
    .where("owner_id", "=", ownerId)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** The link that a secret opens; undefined for one that is over, or whose owner is. */
export async function findLink(db: Store, secretHash: Buffer, at: Date): Promise<LinkToOpen | undefined> {
  const { rows } = await sql<LinkToOpen>`
    select l.id, l.owner_id as "ownerId", l.password_hash as "passwordHash", l.expires_at as "expiresAt"
    from library.album_links l
    where l.secret_hash = ${secretHash} and (l.expires_at is null or l.expires_at > ${at}) and ${ownerIsThere()}`.execute(
    db,
  );
  return rows[0];
}

/**
 * Stores a visit, and deletes visits that are over and the link's oldest beyond `limit`. False when the link was deleted
 * meanwhile.
 */
export async function insertVisit(
  db: Store,
  visit: { tokenHash: Buffer; linkId: string; at: Date; expiresAt: Date },
  limit: number,
): Promise<boolean> {
  const { numAffectedRows = 0n } = await sql`
    with over as (
      delete from library.link_visits where token_hash in (
        (select token_hash from library.link_visits where expires_at <= ${visit.at} limit 100)
        union all
        (select token_hash from library.link_visits where link_id = ${visit.linkId}
          order by expires_at desc offset ${limit - 1} limit 100))
    )
    insert into library.link_visits (token_hash, link_id, owner_id, expires_at)
    select ${visit.tokenHash}::bytea, l.id, l.owner_id, ${visit.expiresAt}::timestamptz
    from library.album_links l where l.id = ${visit.linkId} for key share`.execute(db);
  return numAffectedRows > 0n;
}

/** What a visit may see; undefined when it, its link or its owner is over. */
export async function findVisit(db: Store, tokenHash: Buffer, at: Date): Promise<Visit | undefined> {
  const { rows } = await sql<Visit>`
    select l.id as "linkId", a.id as "albumId", a.name, a.description, l.originals
    from library.link_visits v
    join library.album_links l on l.id = v.link_id
    join library.albums a on a.id = l.album_id
    where v.token_hash = ${tokenHash} and v.expires_at > ${at}
      and (l.expires_at is null or l.expires_at > ${at}) and ${ownerIsThere()}`.execute(db);
  return rows[0];
}

/** A page of an album's photos as visitors see them, the newest first. */
export async function listLinkedPhotos(
  db: Store,
  { albumId, after, limit }: { albumId: string; after: string | undefined; limit: number },
): Promise<LinkedPhoto[]> {
  const beyond = after === undefined ? sql`` : sql`and ap.photo_id < ${after}::uuid`;
  const { rows } = await sql<LinkedPhoto>`
    select p.id, i.width, i.height
    from library.album_photos ap
    join library.photos p on p.id = ap.photo_id
    join library.images i on i.sha256 = p.sha256
    where ap.album_id = ${albumId} and ${isShown} ${beyond}
    order by ap.photo_id desc limit ${limit}`.execute(db);
  return rows;
}

/** The bytes of a photo of an album, when visitors see it. */
export async function findLinkedContent(
  db: Store,
  albumId: string,
  photoId: string,
): Promise<{ sha256: string; mediaType: string } | undefined> {
  const { rows } = await sql<{ sha256: string; mediaType: string }>`
    select i.sha256, i.media_type as "mediaType"
    from library.album_photos ap
    join library.photos p on p.id = ap.photo_id
    join library.images i on i.sha256 = p.sha256
    where ap.album_id = ${albumId} and ap.photo_id = ${photoId} and ${isShown}`.execute(db);
  return rows[0];
}

/** Neither deleted nor closed. */
function ownerIsThere() {
  return sql<boolean>`not exists (select from library.deleted_owners d where d.user_id = l.owner_id)
      and not ${isDisabled(sql`l.owner_id`)}`;
}
