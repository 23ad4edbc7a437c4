import { expect, test } from "vitest";
import { AppError } from "./errors/app-error.ts";
import { isUuid, parsePhotoId } from "./ids.ts";

const id = "01999999-0000-7000-8000-00000000abcd";

test("takes the canonical form", () => {
  expect(parsePhotoId(id)).toBe(id);
});

test.each(["", "1", id.toUpperCase(), `{${id}}`, ` ${id}`, `${id}\n`, id.replaceAll("-", ""), `${id}'--`])(
  "%j is answered like an unknown photo",
  (text) => {
    expect(isUuid(text)).toBe(false);
    expect(() => parsePhotoId(text)).toThrow(expect.objectContaining({ reason: "PHOTO_NOT_FOUND" }));
    expect(() => parsePhotoId(text)).toThrow(AppError);
  },
);
