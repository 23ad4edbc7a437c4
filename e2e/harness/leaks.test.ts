import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { findLeaks } from "./leaks.ts";

const secret = 'Łucja\'s "Wąż" <4711>';
const token = randomBytes(48).toString("base64url");
const found = (text: string) => findLeaks(text, { secret, token }).map(({ what }) => what);
const json = (text: string) => JSON.stringify({ msg: `failed for ${text}, sorry` });

test.each([
  ["as it is", `name ${secret}`],
  ["in other letters", secret.toUpperCase()],
  ["in JSON", json(secret)],
  ["in JSON of ASCII", json(secret).replace(/[^\x20-\x7e]/g, (at) => `\\u0${at.charCodeAt(0).toString(16)}`)],
  ["in a query", `/search?q=${encodeURIComponent(secret)}&x=1`],
  ["in a form", `q=${encodeURIComponent(secret).replaceAll("%20", "+")}`],
  ["as hex", Buffer.from(`x${secret}`).toString("hex")],
  ...["", "x", "xy", "xyz"].map((before) => [
    `as base64 after ${before.length} bytes`,
    Buffer.from(`${before}${secret}${before}`).toString("base64"),
  ]),
  ["as base64url", Buffer.from(`{"name":"${secret}"}`).toString("base64url")],
])("finds a secret %s", (_how, text) => {
  expect(found(text)).toEqual(["secret"]);
});

test("finds the beginning and the middle of a long one", () => {
  expect(found(`token ${token.slice(0, 30)}…`)).toEqual(["token"]);
  expect(found(`token …${token.slice(20, 70)}`)).toEqual(["token"]);
  expect(found(`token ${token.slice(0, 8)}…`)).toEqual([]);
});

test.each([
  ["an embedding", JSON.stringify([...randomBytes(64)].map((byte) => byte / 255 - 0.5)), "a row of numbers"],
  ["pixels", JSON.stringify([...randomBytes(64)]), "a row of numbers"],
  ["a serialised buffer", JSON.stringify(randomBytes(64)), "a row of numbers"],
  ["bytes in hex", randomBytes(200).toString("hex"), "bytes as hex"],
  ["bytes in base64", `data:image/png;base64,${randomBytes(300).toString("base64")}`, "bytes as base64"],
])("finds %s that nobody planted", (_what, text, what) => {
  expect(found(text)).toContain(what);
});

test.each([
  ["hex", (bytes: Buffer) => bytes.toString("hex")],
  ["base64", (bytes: Buffer) => bytes.toString("base64")],
  ["numbers", (bytes: Buffer) => JSON.stringify([...bytes])],
])("finds bytes as %s", (_how, write) => {
  const image = randomBytes(18);
  const leaks = findLeaks(`x ${write(image)}`, { image: image.subarray(3, 13) });
  expect(leaks.map(({ what }) => what)).toEqual(["image"]);
});

test("finds nothing in what telemetry says", () => {
  const lines = [
    '{"level":20,"time":1795282979244,"traceId":"14fbb1c4761e2b8b6670fe09e225a3e4","route":"/api/v1/photos/{id}"}',
    'ocelli_http_seconds_bucket{le="0.001",route="/api/v1/photos",method="POST",status="201"} 12',
    'select "kid", "x", "private_key" as "privateKey" from "auth"."signing_keys" where "status" in ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
    `sha256 ${randomBytes(32).toString("hex")}`,
  ];
  expect(found(lines.join("\n"))).toEqual([]);
});

test("refuses secrets that would be found by chance", () => {
  expect(() => findLeaks("", { short: "cat" })).toThrow("too short");
});
