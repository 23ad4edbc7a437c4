import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import {
  addPhotos,
  removePhotos,
  removeSomeStrangers,
  removeStrangers,
  withdrawStrangers,
} from "./album-photos.ts";
import { listRevisedAlbums, reviseAlbums } from "./album-revisions.ts";
import { deleteAlbums } from "./album-tree.ts";
import type { LibraryTables } from "./tables.ts";

const at = new Date(0);
const content = { albumId: "album", userId: "user", photoIds: ["photo"] };

test("the SQL of what lies in albums, and of what is told of it, is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<LibraryTables>("library", {
    addPhotos: (db) => addPhotos(db, content, at),
    "removePhotos: any": (db) => removePhotos(db, { ...content, ofOwner: undefined }, at),
    "removePhotos: of one owner": (db) => removePhotos(db, { ...content, ofOwner: "user" }, at),
    withdrawStrangers: (db) => withdrawStrangers(db, "owner", "album"),
    removeStrangers: (db) => removeStrangers(db, "owner", "album"),
    removeSomeStrangers: (db) => removeSomeStrangers(db, "owner", 500),
    deleteAlbums: (db) => deleteAlbums(db, "owner", "album"),
    reviseAlbums: (db) => reviseAlbums(db, "owner", ["album"]),
    "listRevisedAlbums: first page": (db) => listRevisedAlbums(db, { after: undefined, limit: 201 }),
    "listRevisedAlbums: later page": (db) => listRevisedAlbums(db, { after: "album", limit: 201 }),
  });
  await expect(queries).toMatchFileSnapshot("album-queries.snap.sql");
});
