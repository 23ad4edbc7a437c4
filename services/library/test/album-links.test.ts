import { AppError } from "@ocelli/chassis";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { albumClients, reasonOf } from "./album-clients.ts";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { picture } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
const { as, make, upload } = albumClients(() => library);
const owner = crypto.randomUUID();

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

interface LinkOptions {
  password?: string;
  originals?: boolean;
  expiresAt?: Date;
}

async function linkTo(albumId: string, options: LinkOptions = {}) {
  const { link, secret } = await library.albums.createAlbumLink({ albumId, ...options }, await as(owner));
  return { linkId: link?.id ?? "", secret };
}

const open = (secret: string, password = "") => library.albums.openAlbumLink({ secret, password });

async function load(visit: string, photoId: string, rendition: string) {
  let mediaType = "";
  const chunks: Uint8Array[] = [];
  for await (const { part } of library.albums.downloadLinkedPhoto({ visit, photoId, rendition })) {
    if (part?.$case === "mediaType") mediaType = part.value;
    if (part?.$case === "chunk") chunks.push(part.value);
  }
  return { mediaType, bytes: Buffer.concat(chunks) };
}

test("a link shows its album, page by page, and nothing beside it", async () => {
  const [album, other] = [await make(owner, "open"), await make(owner, "closed")];
  const photos = [];
  for (let n = 0; n < 3; n += 1) photos.unshift(await upload(owner, album));
  const secretPhoto = await upload(owner, other);
  const { secret } = await linkTo(album);
  expect(secret).toMatch(/^ocelli_pl_[A-Za-z0-9_-]{43}$/);
  const { visit, expiresIn } = await open(secret);
  expect(visit).toMatch(/^ocelli_lv_[A-Za-z0-9_-]{43}$/);
  expect(expiresIn).toBe(12 * 3600);
  const first = await library.albums.getLinkedAlbum({ visit, pageSize: 2 });
  const second = await library.albums.getLinkedAlbum({ visit, pageSize: 2, pageToken: first.nextPageToken });
  expect([...first.photos, ...second.photos].map(({ id }) => id)).toEqual(photos);
  expect(first).toMatchObject({ name: "open", originals: false });
  expect((await load(visit, photos[0] ?? "", "thumbnail")).mediaType).toBe("image/jpeg");
  expect(await reasonOf(load(visit, photos[0] ?? "", "original"))).toBe("ORIGINALS_NOT_SHARED");
  expect(await reasonOf(load(visit, photos[0] ?? "", "everything"))).toBe("INVALID_RENDITION");
  for (const id of [secretPhoto, crypto.randomUUID(), "nonsense"]) {
    expect(await reasonOf(load(visit, id, "thumbnail"))).toBe("PHOTO_NOT_FOUND");
  }
});

test("secrets and visits are stored as hashes only, and none of the other opens anything", async () => {
  const album = await make(owner, "hashes");
  const { secret } = await linkTo(album, { password: "open sesame" });
  const { visit } = await open(secret, "open sesame");
  const { rows } = await library.sql.query(
    "select l::text as row from library.album_links l union all select v::text from library.link_visits v",
  );
  for (const { row } of rows) for (const word of [secret, visit, "sesame"]) expect(row).not.toContain(word);
  for (const wrong of ["", "ocelli_pl_", visit, `ocelli_pl_${"x".repeat(43)}`, `${secret}x`, "\0"]) {
    expect(await reasonOf(open(wrong, "open sesame"))).toBe("LINK_NOT_FOUND");
  }
  for (const wrong of ["", secret, `ocelli_lv_${"x".repeat(43)}`, "\0"]) {
    expect(await reasonOf(library.albums.getLinkedAlbum({ visit: wrong }))).toBe("VISIT_EXPIRED");
    expect(await reasonOf(load(wrong, crypto.randomUUID(), "preview"))).toBe("VISIT_EXPIRED");
  }
});

test("a visit ends with its link, its time, its album", async () => {
  const album = await make(owner, "ends");
  const [revoked, over] = [await linkTo(album), await linkTo(album)];
  const soon = await linkTo(album, { expiresAt: new Date(Date.now() + 60_000) });
  const visits = [];
  for (const { secret } of [revoked, over, soon]) visits.push((await open(secret)).visit);
  expect((await open(soon.secret)).expiresIn).toBeLessThanOrEqual(60);
  await library.albums.deleteAlbumLink({ albumId: album, linkId: revoked.linkId }, await as(owner));
  await library.sql.query(
    `update library.link_visits set expires_at = now() where link_id = '${over.linkId}'`,
  );
  await library.sql.query(`update library.album_links set expires_at = now() where id = '${soon.linkId}'`);
  for (const visit of visits) {
    expect(await reasonOf(library.albums.getLinkedAlbum({ visit }))).toBe("VISIT_EXPIRED");
  }
  expect(await reasonOf(open(revoked.secret))).toBe("LINK_NOT_FOUND");
  expect(await reasonOf(open(soon.secret))).toBe("LINK_NOT_FOUND");
  const { visit } = await open(over.secret);
  await library.albums.deleteAlbum({ albumId: album }, await as(owner));
  expect(await reasonOf(library.albums.getLinkedAlbum({ visit }))).toBe("VISIT_EXPIRED");
});

test("a visit of one link never opens another, and guests see what is shown now", async () => {
  const [one, two] = [await make(owner, "one"), await make(owner, "two")];
  const [shown, locked] = [await upload(owner, one), await upload(owner, two)];
  const { visit } = await open((await linkTo(one)).secret);
  await linkTo(two, { password: "other secret" });
  expect(await reasonOf(load(visit, locked, "preview"))).toBe("PHOTO_NOT_FOUND");
  await library.sql.query(`update library.photos set hidden = true where id = '${shown}'`);
  expect((await library.albums.getLinkedAlbum({ visit })).photos).toEqual([]);
  expect(await reasonOf(load(visit, shown, "preview"))).toBe("PHOTO_NOT_FOUND");
});

test("originals come whole but without what cameras wrote beside", async () => {
  const album = await make(owner, "originals");
  const exif = { IFD0: { Make: "Nikon", ImageDescription: "secret place" } };
  const sources = {
    jpeg: await picture(901).withExif(exif).jpeg().toBuffer(),
    png: await picture(902).withExif(exif).png().toBuffer(),
    webp: await picture(903).withExif(exif).webp().toBuffer(),
  };
  const { visit } = await open((await linkTo(album, { originals: true })).secret);
  for (const [format, bytes] of Object.entries(sources)) {
    const { photo } = await library.upload(owner, bytes, { albumId: album, filename: `a.${format}` });
    const { mediaType, bytes: clean } = await load(visit, photo?.id ?? "", "original");
    expect(mediaType).toBe(format === "png" ? "image/png" : "image/jpeg");
    const metadata = await sharp(clean).metadata();
    expect(metadata).toMatchObject({ width: 64, height: 48 });
    expect([metadata.exif, metadata.xmp, metadata.iptc]).toEqual([undefined, undefined, undefined]);
    expect(clean.includes("Nikon") || clean.includes("secret place")).toBe(false);
  }
  expect((await library.files()).filter((path) => path.startsWith(`${library.blobDir}/tmp/`))).toEqual([]);
});

test("wrong passwords are limited, right ones are not, and parallel guesses count", async () => {
  const album = await make(owner, "guarded");
  const { secret } = await linkTo(album, { password: "correct horse" });
  expect(await reasonOf(open(secret))).toBe("LINK_PASSWORD_REQUIRED");
  for (let n = 0; n < 3; n += 1) expect((await open(secret, "correct horse")).visit).not.toBe("");
  const guesses = Array.from({ length: 25 }, (_, n) => reasonOf(open(secret, `guess ${n}`)));
  const answers = await Promise.all(guesses);
  const wrong = answers.filter((reason) => reason === "INVALID_LINK_PASSWORD").length;
  expect(wrong).toBeGreaterThan(0);
  expect(wrong).toBeLessThanOrEqual(10);
  expect(answers.filter((reason) => reason === "TOO_MANY_ATTEMPTS").length).toBe(25 - wrong);
  const refused = await open(secret, "correct horse").catch((error: unknown) => AppError.from(error));
  expect(refused).toMatchObject({ reason: "TOO_MANY_ATTEMPTS" });
  expect(refused).toHaveProperty("retryAfterMs");
  // A link without a password has nothing to guess.
  expect((await open((await linkTo(album)).secret)).visit).not.toBe("");
  await library.sql.query("update library.link_attempts set window_ends_at = now() - interval '1 second'");
  expect((await open(secret, "correct horse")).visit).not.toBe("");
});

test("links are judged when they are made", async () => {
  const album = await make(owner, "judged");
  for (const bad of [
    { password: "abc" },
    { password: "x".repeat(129) },
    { expiresAt: new Date(Date.now() - 1000) },
  ]) {
    expect(await reasonOf(linkTo(album, bad))).toBe("INVALID_LINK");
  }
  const made = Array.from({ length: 55 }, () => reasonOf(linkTo(album)));
  const answers = await Promise.all(made);
  const { links } = await library.albums.listAlbumLinks({ albumId: album }, await as(owner));
  expect(links.length).toBe(50);
  expect(answers.filter((reason) => reason === "TOO_MANY_LINKS").length).toBeGreaterThanOrEqual(5);
});
