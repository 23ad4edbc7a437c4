import { expect, test } from "vitest";
import { publicUrlOf } from "./public-url.ts";

test.each([
  [{ PORT: "9000" }, "http://localhost:9000"],
  [{ PORT: " 80 ", PUBLIC_URL: " " }, "http://localhost:80"],
  [{ PORT: "9000", PUBLIC_URL: "https://photos.example.org" }, undefined],
  [{ PORT: "0" }, undefined],
  [{ PORT: "" }, undefined],
  [{ PORT: "eighty" }, undefined],
  [{}, undefined],
])("of %j is %s", (env, url) => {
  expect(publicUrlOf(env).PUBLIC_URL).toBe(url);
});
