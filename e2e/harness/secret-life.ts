import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { MailServer } from "@ocelli/testkit";
import sharp from "sharp";
import { z } from "zod";
import { Client, tokensSchema } from "./client.ts";
import { linkToken, mailTo } from "./mail.ts";
import { photoBytes } from "./photos.ts";

/** What a user tells or is told that must stay between her and the server, by a name for messages. */
export type Secrets = Record<string, string | Uint8Array>;

/** Answers that were no success, each with what the request itself had said. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  readonly sent: string;
}

/** What the user is surrounded by. */
export interface Surroundings {
  readonly address: string;
  readonly mail: MailServer;
  /** Base URL of a server that takes webhooks, and fails. */
  readonly hooks: string;
}

/** Words that occur nowhere else; each is at least as long as the finder asks for. */
export const planted = {
  email: "quitte.zimtstern@geheimnis.example.org",
  refusedEmail: "unzustellbar.zimtstern@geheimnis.example.org",
  password: "Zwetschgenknödel-7311-Rübezahl",
  newPassword: "Marillenknödel-8422-Wolpertinger",
  wrongPassword: "falsches-Passwort-Heinzelmann",
  userName: "Łucja Quittengelee-Wąż",
  filename: "urlaub-mit-tante-hildegard.png",
  title: "Zugspitzplatt im Morgengrauen",
  description: "Der Kuchen war verbrannt und niemand hat es gemerkt",
  exifText: "Kamera von Onkel Eberhard Wüstenrot",
  albumName: "Hochzeit von Kunigunde",
  personName: "Kunigunde Zieselmaus",
  query: "verlorener Ehering im Heuhaufen",
  smartAlbumName: "Heimliche Kuchenbilder",
  webhookPath: "Haken-Geheimpfad-5533",
  linkPassword: "Linkpasswort-Kellerassel",
  madeUpToken: "eyJhbGciOiJub25lIiwia2lkIjoiTWFkZVVwIn0.eyJzdWIiOiJNYWRlVXBUb2tlbiJ9.TWFkZVVwU2lnbmF0dXJl",
  madeUpKey: "ocelli_ak_MadeUpKeyMadeUpKeyMadeUpKeyMadeUpKeyMadeUp1",
  headerText: "Heimlicher-Browser-Kellergeist",
} as const;

const idSchema = z.object({ id: z.uuid() });
const secretSchema = idSchema.extend({ secret: z.string() });

/**
 * A user's days: an account, mails, sessions, keys, photos with everything known of them, albums, links, people, searches,
 * webhooks, and all that goes wrong with them. Tells what must have stayed secret, and what was refused.
 */
export async function liveSecretly(around: Surroundings): Promise<{ secrets: Secrets; refusals: Refusal[] }> {
  const secrets: Secrets = { ...planted };
  const refusals: Refusal[] = [];
  const client = new Client(around.address);
  const ask = recorder(client, refusals);
  await openAccount(client, around, secrets);
  await keepPhotos(client, around, secrets);
  await nameThings(client, secrets);
  await failAtEverything(ask);
  await forgetPassword(client, around, secrets);
  return { secrets, refusals };
}

type Ask = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<void>;

/** Requests that may fail; what is answered then is kept. One with credentials of its own is made as a stranger. */
function recorder(client: Client, refusals: Refusal[]): Ask {
  return async (method, path, body, headers = {}) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const init = text === undefined ? { method, headers } : { method, headers, body: text };
    const asker = "authorization" in headers ? client.anonymous() : client;
    const response = await asker.request(path, init);
    const answer = await response.text();
    if (!response.ok) refusals.push({ status: response.status, body: answer, sent: `${path} ${text}` });
  };
}

async function read<S extends z.ZodType>(schema: S, answer: Promise<Response>): Promise<z.infer<S>> {
  const response = await answer;
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return schema.parse(JSON.parse(text));
}

async function openAccount(client: Client, { mail }: Surroundings, secrets: Secrets): Promise<void> {
  const { email, password, userName, headerText } = planted;
  client.userAgent = headerText;
  await read(idSchema, client.post("/auth/signup", { email, password, name: userName }));
  await client.logIn({ email, password });
  const verify = await mail.waitFor(mailTo(email, /confirm/i));
  secrets.verifyToken = linkToken(verify, "verify-email", publicUrl);
  await client.post("/auth/email/verify", { token: secrets.verifyToken });
  secrets.firstRefreshToken = client.refreshToken;
  const renewed = await read(
    tokensSchema,
    client.post("/auth/refresh", { refreshToken: client.refreshToken }),
  );
  client.use(renewed);
  secrets.accessToken = client.token;
  secrets.refreshToken = client.refreshToken;
  const twoFactor = await read(
    z.object({ secret: z.string() }),
    client.post("/auth/two-factor", { password }),
  );
  secrets.twoFactorSecret = twoFactor.secret;
  const key = await read(secretSchema, client.post("/api-keys", { name: "skript", scopes: ["photos:read"] }));
  secrets.apiKey = key.secret;
  await fetchWith(client, "/photos", { "x-api-key": key.secret });
}

/** Links in mails begin with it; loopback, as for somebody who develops. */
export const publicUrl = "http://localhost:8080";

async function fetchWith(client: Client, path: string, headers: Record<string, string>): Promise<string> {
  const stranger = client.anonymous();
  return (await stranger.request(path, { headers })).text();
}

async function keepPhotos(client: Client, { hooks }: Surroundings, secrets: Secrets): Promise<void> {
  const url = `${hooks}/${planted.webhookPath}`;
  secrets.webhookSecret = (await read(secretSchema, client.post("/webhooks", { url, types: [] }))).secret;
  const portrait = new Uint8Array(
    await sharp(photoBytes("astronaut.png"))
      .withExif({ IFD0: { ImageDescription: planted.exifText, Artist: planted.exifText } })
      .jpeg()
      .toBuffer(),
  );
  const sign = await pictureOfText("OCELLI READS ZEBRACORN");
  const ids = [
    await client.upload(portrait, planted.filename),
    await client.upload(sign, `schild-${planted.filename}`),
  ];
  for (const [index, bytes] of [portrait, sign].entries()) {
    // Taken from the middle, where pixels are.
    const middle = Math.floor(bytes.length / 2);
    secrets[`imageBytes${index}`] = bytes.subarray(middle, middle + 12);
  }
  for (const id of ids) {
    const photo = await client.analysed(id);
    // A shorter one is of words that stand anywhere.
    if (photo.caption && photo.caption.text.length >= 12) secrets[`caption of ${id}`] = photo.caption.text;
    const textSchema = z.object({ lines: z.array(z.object({ text: z.string() })) });
    const { lines } = await read(textSchema, client.request(`/photos/${id}/text`));
    for (const { text } of lines) if (text.length >= 8) secrets[`text in ${id}`] = text;
    await client.send("PATCH", `/photos/${id}`, { title: planted.title, description: planted.description });
  }
  await (await client.sendFile("/detect/image", portrait, planted.filename)).text();
  await (await client.sendFile("/search/by-image", portrait, planted.filename)).text();
}

function pictureOfText(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="200"><rect width="900" height="200" fill="white"/>
    <text x="30" y="120" font-family="sans-serif" font-size="56" fill="black">${text}</text></svg>`;
  return sharp(Buffer.from(svg))
    .png()
    .toBuffer()
    .then((bytes) => new Uint8Array(bytes));
}

async function nameThings(client: Client, secrets: Secrets): Promise<void> {
  const { albumName, description, personName, query, smartAlbumName, linkPassword } = planted;
  const album = await read(idSchema, client.post("/albums", { name: albumName, description }));
  const photos = await client.photos();
  await client.post(`/albums/${album.id}/photos`, { photoIds: photos.map(({ id }) => id) });
  const link = await read(secretSchema, client.post(`/albums/${album.id}/links`, { password: linkPassword }));
  secrets.linkSecret = link.secret;
  const visitor = client.anonymous();
  await visitor.post("/links/open", { secret: link.secret, password: "falsch" });
  const opened = await visitor.post("/links/open", { secret: link.secret, password: linkPassword });
  secrets.visitCookie = /=([^;]{20,})/.exec(opened.headers.getSetCookie().join())?.[1] ?? randomUUID();
  const people = await read(z.object({ items: z.array(idSchema) }), client.request("/people?pageSize=10"));
  for (const { id } of people.items) await client.send("PATCH", `/people/${id}`, { name: personName });
  await client.post("/people", { name: personName });
  await client.post("/smart-albums", { name: smartAlbumName, query });
  await client.search(query);
  await client.search(planted.title);
  const half = encodeURIComponent(planted.personName.slice(0, 12));
  await (await client.request(`/search/suggestions?q=${half}`)).text();
}

async function failAtEverything(ask: Ask): Promise<void> {
  const { email, wrongPassword, password, userName, personName, query, madeUpToken, madeUpKey } = planted;
  const json = { "content-type": "application/json" };
  const path = (text: string) => encodeURIComponent(text);
  await ask("POST", "/auth/login", { email, password: wrongPassword }, json);
  await ask("POST", "/auth/signup", { email, password, name: userName }, json);
  await ask("POST", "/auth/login", `{"email":"${email}","password":"${password}"`, json);
  await ask("POST", "/auth/login", { email: [email], password: { password }, [password]: 1 }, json);
  await ask("POST", "/auth/password/reset", { token: madeUpToken, newPassword: password }, json);
  await ask("POST", "/auth/refresh", { refreshToken: madeUpToken }, json);
  await ask("GET", "/photos", undefined, { authorization: `Bearer ${madeUpToken}` });
  await ask("GET", "/photos", undefined, { authorization: `Basic ${btoa(`${email}:${wrongPassword}`)}` });
  await ask("GET", `/photos?access_token=${madeUpToken}`);
  await ask("GET", `/photos?q=${path(query)}&sort=${path(personName)}`);
  await ask("GET", `/search?q=${path(query)}&pageToken=${path(personName)}`);
  await ask("GET", `/search?q=${path(query)}&near=${path(personName)}`);
  for (const text of [personName, email, madeUpToken, madeUpKey]) {
    await ask("GET", `/people/${path(text)}`);
    await ask("GET", `/nothing/${path(text)}`);
  }
  await ask("POST", "/albums", { name: planted.albumName, colour: planted.description }, json);
  await ask("POST", "/albums", { name: planted.albumName.repeat(500) }, json);
  await ask("POST", "/people", { name: [personName] }, json);
  await ask(
    "POST",
    "/photos",
    '--x\r\nContent-Disposition: form-data; name="file"; filename="' +
      `${planted.filename}"\r\n\r\nnot an image ${planted.description}\r\n--x--\r\n`,
    {
      "content-type": "multipart/form-data; boundary=x",
    },
  );
  await ask("GET", "/photos", undefined, {
    traceparent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`,
    baggage: `person=${path(personName)}`,
    referer: `https://example.org/?q=${path(query)}`,
    "x-request-id": path(personName),
  });
}

/** Last, since it ends every session. */
async function forgetPassword(client: Client, { mail }: Surroundings, secrets: Secrets): Promise<void> {
  const { email, newPassword, refusedEmail, userName } = planted;
  const stranger = client.anonymous();
  await stranger.post("/auth/signup", { email: refusedEmail, password: newPassword, name: userName });
  await stranger.post("/auth/password/forgot", { email });
  const reset = await mail.waitFor(mailTo(email, /password/i));
  secrets.resetToken = linkToken(reset, "reset-password", publicUrl);
  await stranger.post("/auth/password/reset", { token: secrets.resetToken, newPassword });
  await stranger.post("/auth/password/reset", { token: secrets.resetToken, newPassword });
  // The mail that nobody takes fails meanwhile, and so do deliveries to the webhook.
  await delay(1000);
}
