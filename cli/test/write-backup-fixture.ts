/**
 * Writes `backups/ocelli-VERSION-SCHEMA.tar`: a small backup of today's version, so that later versions prove they can restore it.
 * Run it (`node cli/test/write-backup-fixture.ts`) whenever a migration was added, and commit what it wrote beside the others.
 * All in it is made up; the picture is a crop of NASA's portrait of Eileen Collins, which is in the public domain.
 */
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { z } from "zod";
import { Client } from "../../e2e/harness/client.ts";
import { removeFolders, runOcelli, startOcelli, temporaryFolder } from "../../e2e/harness/ocelli-process.ts";
import { peopleOf } from "../../e2e/harness/people.ts";
import { photoBytes } from "../../e2e/harness/photos.ts";
import { version } from "../src/version.ts";
import { fixtureEmail, fixtureKeySecret, schemaDigest } from "./backup-fixtures.ts";

const idSchema = z.object({ id: z.uuid() });
const env = {
  OCELLI_DATA: temporaryFolder(),
  OCELLI_EVENTS: "in-process",
  AUTH_KEY_SECRET: fixtureKeySecret,
  LIBRARY_KEY_SECRET: fixtureKeySecret,
  WEBHOOKS_ALLOW_HTTP: "true",
  WEBHOOKS_ALLOW_PRIVATE: "true",
};
const name = `ocelli-${version}-${await schemaDigest()}.tar`;
const target = fileURLToPath(new URL(`backups/${name}`, import.meta.url));

const ocelli = await startOcelli(["up"], env);
try {
  const client = await Client.signedUp(ocelli.address, fixtureEmail);
  const id = await client.upload(await smallPicture(), "portrait.jpg");
  const { faces } = await client.analysed(id);
  await peopleOf(client).make(
    (faces ?? []).map((face) => face.id),
    "Eileen",
  );
  await client.send("PATCH", `/photos/${id}`, {
    title: "Portrait",
    description: "Quittengelee",
    favorite: true,
  });
  const album = idSchema.parse(await (await client.post("/albums", { name: "Space" })).json());
  await client.post(`/albums/${album.id}/photos`, { photoIds: [id] });
  await client.post(`/albums/${album.id}/links`, { password: "tram 28" });
  await client.post("/api-keys", { name: "script", scopes: ["photos:read"] });
  await client.post("/webhooks", { url: "http://127.0.0.1:9/", types: [] });
  await client.post("/jobs", { photoIds: [id], stages: ["caption"] });
} finally {
  await ocelli.end("SIGTERM");
}
await rm(target, { force: true });
const { code, stdout, stderr } = await runOcelli(["backup", target, "--no-renditions"], env);
console.log(stdout, stderr);
removeFolders();
process.exit(code ?? 1);

/** Her face, as small as it is still found. */
async function smallPicture(): Promise<Uint8Array<ArrayBuffer>> {
  const crop = { left: 100, top: 0, width: 300, height: 300 };
  return new Uint8Array(
    await sharp(photoBytes("astronaut.png")).extract(crop).jpeg({ quality: 80 }).toBuffer(),
  );
}
