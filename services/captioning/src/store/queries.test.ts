import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { commonV1 } from "@ocelli/contracts";
import { expect, test } from "vitest";
import { findCaption, findCaptionOfBytes, saveModelCaption } from "./captions.ts";
import type { CaptioningTables } from "./tables.ts";
import { deletePhotoWords, findText, findTextOfBytes, saveText } from "./texts.ts";

const photo = { photoId: "photo", ownerId: "owner", sha256: "bytes" };
const caption = { text: "A cat.", score: 1, source: commonV1.ResultSource.RESULT_SOURCE_PLAIN };

test("the store's SQL is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<CaptioningTables>("captioning", {
    findCaption: (db) => findCaption(db, "owner", "photo"),
    findCaptionOfBytes: (db) => findCaptionOfBytes(db, "bytes", "model"),
    saveModelCaption: (db) => saveModelCaption(db, photo, { caption, model: "model", ms: 1 }),
    findText: (db) => findText(db, "owner", "photo"),
    findTextOfBytes: (db) => findTextOfBytes(db, "bytes", "model"),
    saveText: (db) => saveText(db, photo, { lines: [], model: "model", ms: 1 }),
    deletePhotoWords: (db) => deletePhotoWords(db, "owner", "photo"),
  });
  await expect(queries).toMatchFileSnapshot("queries.snap.sql");
});
