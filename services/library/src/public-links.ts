import {
  type AppError,
  type Database,
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  isDeletedOwner,
  isUuid,
  notFound,
  resolvePageSize,
  unauthenticated,
} from "@ocelli/chassis";
import { z } from "zod";
import { albumNotFound, albumRoleRequired } from "./album-errors.ts";
import { parseAlbumId } from "./album-input.ts";
import { checkLinkDraft, hashOf, isPassword, type LinkDraft, newSecret } from "./album-link-input.ts";
import type { LinkLimits } from "./album-link-limits.ts";
import type { LinkPasswords } from "./album-link-passwords.ts";
import { accountDeleted } from "./photo-records.ts";
import {
  type AlbumLink,
  deleteLink,
  findLink,
  findVisit,
  insertLink,
  insertVisit,
  type LinkedPhoto,
  type LinkToOpen,
  listLinkedPhotos,
  listLinks,
  type Visit,
} from "./store/album-links.ts";
import { visibleAlbum } from "./store/albums.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createPublicLinks} stands on. */
export interface PublicLinksOptions {
  database: Database<LibraryTables>;
  passwords: LinkPasswords;
  limits: LinkLimits;
  now: () => Date;
  newId: () => string;
}

/** One page of what a visit may see. */
export interface LinkedAlbum {
  visit: Visit;
  photos: LinkedPhoto[];
  nextPageToken: string;
}

/** Rules of public links; errors about the album as of `Albums`. */
export interface PublicLinks {
  /** @throws AppError INVALID_ARGUMENT/INVALID_LINK, FAILED_PRECONDITION/TOO_MANY_LINKS. */
  create(ownerId: string, albumId: string, draft: LinkDraft): Promise<{ link: AlbumLink; secret: string }>;
  /** For the owner. */
  list(ownerId: string, albumId: string): Promise<AlbumLink[]>;
  /** Ends it and its visits. @throws AppError NOT_FOUND/LINK_NOT_FOUND. */
  delete(ownerId: string, albumId: string, linkId: string): Promise<void>;
  /**
   * Exchanges the secret, and the password where there is one, for the token of a visit.
   * @throws AppError NOT_FOUND/LINK_NOT_FOUND, UNAUTHENTICATED/{LINK_PASSWORD_REQUIRED,INVALID_LINK_PASSWORD},
   *   RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,LINKS_BUSY}.
   */
  open(
    request: { secret: string; password: string },
    address: string,
  ): Promise<{ visit: string; expiresInSeconds: number }>;
  /** @throws AppError UNAUTHENTICATED/VISIT_EXPIRED. */
  visitOf(token: string): Promise<Visit>;
  /** @throws AppError UNAUTHENTICATED/VISIT_EXPIRED, INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  show(token: string, page: { pageSize: number; pageToken: string }): Promise<LinkedAlbum>;
}

const maxLinks = 50;
const maxVisits = 10_000;
const visitMs = 12 * 3600 * 1000;
const pageLimits = { defaultSize: 50, maxSize: 200 };

/** Creates {@link PublicLinks}. */
export function createPublicLinks(options: PublicLinksOptions): PublicLinks {
  const { now, newId, passwords, limits } = options;
  const { db } = options.database;

  async function requireOwner(userId: string, albumId: string): Promise<string> {
    const id = parseAlbumId(albumId);
    const album = await visibleAlbum(db, userId, id);
    if (!album) throw albumNotFound();
    if (album.role !== "owner") throw albumRoleRequired();
    return id;
  }

  async function requirePassword(link: LinkToOpen, password: string, address: string): Promise<void> {
    const { passwordHash } = link;
    if (passwordHash === null) return;
    if (password === "") throw unauthenticated("LINK_PASSWORD_REQUIRED", "This link needs a password.");
    const right = await limits.try(
      link.id,
      address,
      async () => isPassword(password) && (await passwords.verify(password, passwordHash)),
    );
    if (!right) throw unauthenticated("INVALID_LINK_PASSWORD", "The password is wrong.");
  }

  async function visitOf(token: string): Promise<Visit> {
    const hash = hashOf("ocelli_lv_", token);
    const visit = hash && (await findVisit(db, hash, now()));
    if (!visit) throw unauthenticated("VISIT_EXPIRED", "The visit is over; open the link again.");
    return visit;
  }

  return {
    visitOf,
    async create(ownerId, albumId, draft) {
      checkLinkDraft(draft, now());
      const id = await requireOwner(ownerId, albumId);
      const secret = newSecret("ocelli_pl_");
      const passwordHash = draft.password === "" ? null : await passwords.hash(draft.password);
      const { originals, expiresAt = null } = draft;
      const link = { id: newId(), albumId: id, originals, expiresAt, createdAt: now() };
      await db.transaction().execute(async (trx) => {
        if (await isDeletedOwner(trx, ownerId)) throw accountDeleted();
        // Two at once count each other only after the other.
        const locked = await trx
          .selectFrom("albums")
          .select("id")
          .where("id", "=", id)
          .where("owner_id", "=", ownerId)
          .forNoKeyUpdate()
          .executeTakeFirst();
        if (!locked) throw albumNotFound();
        const row = { ...link, ownerId, secretHash: secretHashOf(secret), passwordHash };
        if (!(await insertLink(trx, row, maxLinks))) throw tooManyLinks();
      });
      return { link: { ...link, hasPassword: passwordHash !== null }, secret };
    },
    async list(ownerId, albumId) {
      return listLinks(db, ownerId, await requireOwner(ownerId, albumId));
    },
    async delete(ownerId, albumId, linkId) {
      const id = await requireOwner(ownerId, albumId);
      if (!isUuid(linkId) || !(await deleteLink(db, { ownerId, albumId: id, linkId }))) throw linkNotFound();
    },
    async open({ secret, password }, address) {
      const hash = hashOf("ocelli_pl_", secret);
      const link = hash && (await findLink(db, hash, now()));
      if (!link) throw linkNotFound();
      await requirePassword(link, password, address);
      const at = now();
      const endsAt = Math.min(at.getTime() + visitMs, link.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY);
      const visit = newSecret("ocelli_lv_");
      const row = { tokenHash: secretHashOf(visit), linkId: link.id, at, expiresAt: new Date(endsAt) };
      if (endsAt <= at.getTime() || !(await insertVisit(db, row, maxVisits))) throw linkNotFound();
      return { visit, expiresInSeconds: Math.max(1, Math.floor((endsAt - at.getTime()) / 1000)) };
    },
    async show(token, page) {
      const visit = await visitOf(token);
      const size = resolvePageSize(page.pageSize, pageLimits);
      const list = ["linked", visit.linkId];
      const after = decodePageToken(page.pageToken, z.uuid(), list);
      const found = await listLinkedPhotos(db, { albumId: visit.albumId, after, limit: size + 1 });
      const photos = found.slice(0, size);
      const last = found.length > size ? photos.at(-1) : undefined;
      return { visit, photos, nextPageToken: last ? encodePageToken(last.id, list) : "" };
    },
  };
}

function secretHashOf(secret: string): Buffer {
  const hash = hashOf(secret.startsWith("ocelli_pl_") ? "ocelli_pl_" : "ocelli_lv_", secret);
  if (!hash) throw new Error("a secret of our own is none");
  return hash;
}

function linkNotFound(): AppError {
  return notFound("LINK_NOT_FOUND", "There is no such link.");
}

function tooManyLinks(): AppError {
  return failedPrecondition("TOO_MANY_LINKS", `An album may have at most ${maxLinks} links.`);
}
