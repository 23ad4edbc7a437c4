import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { albumClients, reasonOf } from "./album-clients.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";

let library: LibraryUnderTest;
const { as, make, upload } = albumClients(() => library);

beforeAll(async () => {
  // Postgres itself: here transactions really run side by side.
  library = await startLibrary({}, nativeDatabase);
});
afterAll(() => library?.stop());

const index = fc.nat({ max: 30 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("create" as const), at: index }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("move" as const), at: index, to: index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("delete" as const), at: index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("add" as const), at: index, photo: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: index, photo: fc.nat(2) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const allowed = ["accepted", "ALBUM_CYCLE", "TOO_DEEP", "ALBUM_NOT_FOUND"];

/** Albums made so far, also those that are gone: what is asked of them must be refused. */
function createUser(photos: readonly string[]) {
  const user = crypto.randomUUID();
  const albums: string[] = [];
  const pick = (at: number) => albums[at % Math.max(1, albums.length)] ?? "";
  async function take(wanted: Step): Promise<unknown> {
    const albumId = pick(wanted.at);
    const options = await as(user);
    if (wanted.kind === "create")
      return make(user, `album ${albums.length}`, albumId).then((id) => albums.push(id));
    if (albumId === "") return undefined;
    if (wanted.kind === "delete") return library.albums.deleteAlbum({ albumId }, options);
    if (wanted.kind === "move") {
      const parentId = wanted.to % 4 === 0 ? "" : pick(wanted.to);
      return library.albums.updateAlbum({ albumId, parentId, updateMask: ["parent_id"] }, options);
    }
    const request = { albumId, photoIds: [photos[wanted.photo] ?? ""] };
    if (wanted.kind === "add") return library.albums.addAlbumPhotos(request, options);
    return library.albums.removeAlbumPhotos(request, options);
  }
  return { user, take: (wanted: Step) => reasonOf(take(wanted)) };
}

interface Row {
  id: string;
  parent_id: string | null;
  photos: number;
}

/** The tree as the tables have it: no album is lost in a cycle, none lies too deep, and counts are what is there. */
async function expectSound(user: string): Promise<void> {
  const { rows } = await library.sql.query<Row>(
    `select a.id, a.parent_id, (select count(*)::int from library.album_photos p where p.album_id = a.id) as photos
     from library.albums a where a.owner_id = '${user}'`,
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const row of rows) {
    let depth = 1;
    for (let at = row; at.parent_id !== null; depth += 1) {
      const above = byId.get(at.parent_id);
      if (!above || depth > 10) throw new Error(`album ${row.id} lies in a cycle, nowhere, or too deep`);
      at = above;
    }
  }
  const seen: string[] = [];
  const look = async (parentId: string): Promise<void> => {
    const { albums } = await library.albums.listAlbums({ parentId, pageSize: 200 }, await as(user));
    for (const album of albums) {
      seen.push(album.id);
      expect(album.photoCount).toBe(byId.get(album.id)?.photos);
      expect(album.albumCount).toBe(rows.filter(({ parent_id }) => parent_id === album.id).length);
      await look(album.id);
    }
  };
  await look("");
  expect(seen.sort()).toEqual([...byId.keys()].sort());
}

test("whatever is done to a tree, one by one or at once, it stays a tree", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 18 }),
      async (rounds) => {
        const photos: string[] = [];
        const { user, take } = createUser(photos);
        for (let n = 0; n < 3; n += 1) photos.push(await upload(user));
        for (const round of rounds) {
          for (const reason of await Promise.all(round.map(take))) expect(allowed).toContain(reason);
        }
        await expectSound(user);
      },
    ),
    { numRuns: 30 },
  );
}, 120_000);
