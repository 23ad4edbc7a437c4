import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { addToDocument, changeDocument, deleteDocument, markIndexed, matchWords } from "./documents.ts";
import { findEmbeddingOfBytes, nearestPhotos, saveEmbedding } from "./embeddings.ts";
import type { SearchTables } from "./tables.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const embedding = Float32Array.of(1, 0);
const words = { title: "", description: "", withheld: true, taken_at: null, revision: 1 };

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<SearchTables>("search", {
    "addToDocument: a caption": (db) => addToDocument(db, photo, { caption: "" }, "caption"),
    "addToDocument: nothing but the document": (db) => addToDocument(db, photo, {}),
    "addToDocument: a capture time": (db) => addToDocument(db, photo, { taken_at: null }),
    changeDocument: { run: (db) => changeDocument(db, photo, words), answers: [[{ photo_id: "photo" }]] },
    markIndexed: (db) => markIndexed(db, "photo", new Date(0)),
    deleteDocument: (db) => deleteDocument(db, photo),
    matchWords: (db) => matchWords(db, { ownerId: "owner", text: "cat", limit: 10 }),
    saveEmbedding: (db) => saveEmbedding(db, photo, "model", embedding),
    findEmbeddingOfBytes: (db) => findEmbeddingOfBytes(db, "bytes", "model"),
    nearestPhotos: (db) => nearestPhotos(db, { ownerId: "owner", model: "model", embedding, limit: 10 }),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
