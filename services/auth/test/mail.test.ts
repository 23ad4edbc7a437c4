import { randomUUIDv7 } from "node:crypto";
import { createLogger, type Database, ensureSchema, migrate, openDatabase, Secret } from "@ocelli/chassis";
import { freePort, type MailServer, startEmbeddedDatabase, startMailServer } from "@ocelli/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createLogTransport } from "../src/mail/log-transport.ts";
import { createMailSender } from "../src/mail/mail-sender.ts";
import { createMailer, type Mail } from "../src/mail/mailer.ts";
import { parseSmtpUrl } from "../src/mail/smtp-address.ts";
import { createSmtpTransport } from "../src/mail/smtp-transport.ts";
import type { MailTransport } from "../src/mail/transport.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { AuthTables } from "../src/store/tables.ts";
import { createTestClock, startAuth } from "./running-auth.ts";

const secret = new Secret("a secret of the mail tests");
const minuteMs = 60_000;
const logLines: string[] = [];
const log = createLogger({
  level: "trace",
  format: "json",
  destination: { write: (line) => void logLines.push(line) },
});

let postgres: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let database: Database<AuthTables>;
let clock = createTestClock();
const userId = randomUUIDv7();
const releases: Array<() => Promise<unknown>> = [];

beforeAll(async () => {
  postgres = await startEmbeddedDatabase();
  database = openDatabase<AuthTables>({ url: postgres.url, schema: "auth" });
  await ensureSchema(database);
  await migrate(database, migrations);
});
afterAll(async () => {
  await database?.close();
  await postgres?.close();
});
beforeEach(async () => {
  clock = createTestClock();
  logLines.length = 0;
  const user = { email: "ada@example.org", email_canonical: "ada@example.org", name: "Ada" };
  await database.db
    .insertInto("users")
    .values({ id: userId, ...user, role: "user", password_hash: null, created_at: clock.now() })
    .execute();
});
afterEach(async () => {
  for (const release of releases.splice(0).reverse()) await release();
  await database.db.deleteFrom("users").execute();
});

/** Stopped after the test. */
async function mailServer(...options: Parameters<typeof startMailServer>): Promise<MailServer> {
  const server = await startMailServer(...options);
  releases.push(() => server.stop());
  return server;
}

function smtp(url: string): MailTransport {
  const server = parseSmtpUrl(url);
  if (!server) throw new Error("not an SMTP URL");
  return createSmtpTransport({
    server,
    from: { name: "Ocelli", address: "ocelli@photos.test" },
    insecure: false,
  });
}

/** A started sender that looks for mail every few milliseconds. */
function sender(transport: MailTransport, options: { retryDelaysMs?: number[]; stopGraceMs?: number } = {}) {
  const started = createMailSender({
    db: database.db,
    transport,
    log,
    now: clock.now,
    publicUrl: "http://photos.test",
    secret,
    stopGraceMs: 2_000,
    pollMs: 20,
    retryDelaysMs: [0, 0, 0],
    ...options,
  });
  started.start();
  releases.push(() => started.stop());
  return started;
}

const reset: Mail = { template: "reset-password", name: "Ada", token: "ocelli_at_reset" };

async function queue(mail: Mail = reset, email = "ada@example.org"): Promise<void> {
  const mailer = createMailer({ now: clock.now, newId: randomUUIDv7, secret });
  await database.db.transaction().execute((trx) => mailer.queue(trx, { email, userId }, mail));
}

const stored = () => database.db.selectFrom("mails").selectAll().execute();

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not happen; the log says ${logLines.join("")}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const storeIsEmpty = () => until(async () => (await stored()).length === 0);

test("a mail arrives with both parts, a link and the headers of a robot", async () => {
  const server = await mailServer();
  await queue();
  const [row] = await stored();
  expect(row?.content.toString("latin1")).not.toMatch(/ocelli_at_|Ada/);
  sender(smtp(server.url));
  const mail = await server.waitFor(() => true);
  expect(mail.envelope).toEqual({ from: "ocelli@photos.test", to: ["ada@example.org"] });
  expect(mail.from).toEqual({ name: "Ocelli", address: "ocelli@photos.test" });
  expect(mail.to).toEqual([{ name: "", address: "ada@example.org" }]);
  expect(mail.subject).toBe("Reset your password");
  expect(mail.messageId).toBe(`<${row?.id}@photos.test>`);
  const headers = Object.fromEntries(mail.headers.map(({ key, value }) => [key, value]));
  expect(headers).toMatchObject({ "auto-submitted": "auto-generated", "x-auto-response-suppress": "All" });
  const link = "http://photos.test/account/reset-password#token=ocelli_at_reset";
  expect(mail.text).toContain(link);
  expect(mail.html).toContain(`href="${link}"`);
  await storeIsEmpty();
  expect(logLines.join("")).not.toMatch(/ocelli_at_|ada@/i);
});

test("two senders on one store send each mail once", async () => {
  const server = await mailServer({ beforeAnswer: () => new Promise((resolve) => setTimeout(resolve, 20)) });
  for (let index = 0; index < 30; index += 1) await queue(reset, `user${index}@example.org`);
  sender(smtp(server.url));
  sender(smtp(server.url));
  await storeIsEmpty();
  expect(server.offered).toBe(30);
  expect(new Set(server.mails.map((mail) => mail.envelope.to[0])).size).toBe(30);
});

test("a mail whose transaction is rolled back is never sent; one that commits is, at once", async () => {
  const server = await mailServer();
  const mailer = createMailer({ now: clock.now, newId: randomUUIDv7, secret });
  const started = createMailSender({
    db: database.db,
    transport: smtp(server.url),
    log,
    now: clock.now,
    publicUrl: "http://photos.test",
    secret,
    stopGraceMs: 1_000,
    pollMs: minuteMs,
  });
  started.start();
  releases.push(() => started.stop());
  const failing = database.db.transaction().execute(async (trx) => {
    await mailer.queue(trx, { email: "ada@example.org", userId }, reset);
    throw new Error("rolled back");
  });
  await expect(failing).rejects.toThrow("rolled back");
  await queue({ template: "welcome", name: "Ada" });
  started.kick();
  await server.waitFor((mail) => mail.subject === "Welcome to Ocelli");
  expect(server.offered).toBe(1);
});

test("what the server refuses for now is tried again later, not before", async () => {
  const server = await mailServer({ failFirst: 2 });
  await queue({ template: "welcome", name: "Ada" });
  sender(smtp(server.url), { retryDelaysMs: [30_000, 120_000] });
  await until(async () => (await stored())[0]?.last_error !== "");
  expect((await stored())[0]).toMatchObject({ attempts: 1, last_error: "EMESSAGE 451 DATA" });
  clock.advance(29_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(server.offered).toBe(1);
  clock.advance(1_000);
  const second = clock.now().getTime() + 120_000;
  await until(async () => server.offered === 2 && (await stored())[0]?.next_attempt_at.getTime() === second);
  clock.advance(120_000);
  const mail = await server.waitFor(() => true);
  await storeIsEmpty();
  expect(server.offered).toBe(3);
  expect(mail.messageId).toMatch(/^<[0-9a-f-]{36}@photos.test>$/);
});

test("after its last attempt, or a refusal for good, a mail is given up", async () => {
  const server = await mailServer({
    failFirst: 99,
    refuseRecipient: (to) => (/^nobody/.test(to) ? 550 : undefined),
  });
  await queue(reset, "nobody@example.org");
  await queue(reset, "ada@example.org");
  sender(smtp(server.url), { retryDelaysMs: [0, 0] });
  await storeIsEmpty();
  expect(server.offered).toBe(3);
  const given = logLines.filter((line) => line.includes("mail given up")).map((line) => JSON.parse(line));
  expect(given.map(({ attempt }) => attempt).sort()).toEqual([1, 3]);
  expect(given.find(({ attempt }) => attempt === 1)).toMatchObject({
    template: "reset-password",
    reason: "EENVELOPE 550 RCPT TO",
  });
  expect(logLines.join("")).not.toMatch(/@example|ocelli_at_/);
});

test("while the mail server is down mail waits, and goes when it is back", async () => {
  const port = await freePort();
  await queue();
  sender(smtp(`smtp://127.0.0.1:${port}`), { retryDelaysMs: Array(1_000).fill(0) });
  await until(() => logLines.some((line) => line.includes("ECONNREFUSED")));
  const server = await mailServer({ port });
  await server.waitFor(() => true);
  await storeIsEmpty();
  expect(server.offered).toBe(1);
});

test("a login is used, and a wrong one is a matter of configuration: the mail waits", async () => {
  const auth = { user: "ocelli@photos.test", pass: "p@ss/w%rd" };
  const server = await mailServer({ auth });
  await queue();
  const wrong = sender(smtp(server.url.replace("p%40ss", "wrong")), { retryDelaysMs: Array(1_000).fill(0) });
  await until(() => logLines.some((line) => line.includes("EAUTH 535")));
  await wrong.stop();
  sender(smtp(server.url));
  expect((await server.waitFor(() => true)).user).toBe(auth.user);
  expect(logLines.join("")).not.toContain("p@ss");
});

test.each(["starttls", "implicit"] as const)("mail travels over TLS (%s)", async (tls) => {
  const server = await mailServer({ tls });
  await queue();
  sender(smtp(server.url));
  expect((await server.waitFor(() => true)).secure).toBe(true);
});

test("to a server that is not on this machine nothing is sent without trusted TLS", async () => {
  // The same machine under a name that does not say so.
  const elsewhere = (url: string) => url.replace("127.0.0.1", "[::ffff:127.0.0.1]");
  const plain = await mailServer();
  const untrusted = await mailServer({ tls: "implicit" });
  for (const server of [plain, untrusted]) {
    const sending = smtp(elsewhere(server.url)).send(
      { id: randomUUIDv7(), to: "ada@example.org", subject: "s", text: "t", html: "h" },
      AbortSignal.timeout(5_000),
    );
    await expect(sending).rejects.toMatchObject({ name: "DeliveryError", permanent: false });
    expect(server.offered).toBe(0);
  }
});

test("a link that does not work any more is not sent", async () => {
  const server = await mailServer();
  await queue();
  clock.advance(30 * minuteMs);
  await queue({ template: "password-changed", name: "Ada" });
  sender(smtp(server.url));
  await server.waitFor((mail) => mail.subject === "Your password was changed");
  await storeIsEmpty();
  expect(server.offered).toBe(1);
  expect(logLines.join("")).toContain("mail dropped");
});

test("an address that would be several, or a header, is never handed to the server", async () => {
  const server = await mailServer();
  const hostile = [
    "ada@example.org, eve@example.org",
    "ada@example.org\r\nBcc: eve@example.org",
    "ada@example.org>\r\nRCPT TO:<eve@example.org",
    '"Ada <eve@example.org>" <ada@example.org>',
  ];
  for (const email of hostile) await queue(reset, email);
  sender(smtp(server.url));
  await storeIsEmpty();
  expect(server.offered).toBe(0);
});

test("a domain in another script travels in the form that every server takes", async () => {
  const server = await mailServer();
  await queue(reset, "ada@müller.example");
  sender(smtp(server.url));
  expect((await server.waitFor(() => true)).raw).toContain("To: ada@xn--mller-kva.example\r\n");
});

test("the mail of a deleted account disappears", async () => {
  await queue();
  await database.db.deleteFrom("users").where("id", "=", userId).execute();
  expect(await stored()).toEqual([]);
});

test("stopping waits for the mail in hand", async () => {
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const server = await mailServer({
    beforeAnswer: () => {
      arrived.resolve();
      return answer.promise;
    },
  });
  await queue();
  const started = sender(smtp(server.url));
  await arrived.promise;
  const stopped = started.stop();
  answer.resolve();
  await stopped;
  expect(server.mails).toHaveLength(1);
  expect(await stored()).toEqual([]);
});

test("a mail server that never answers keeps no process from stopping; the mail stays", async () => {
  const arrived = Promise.withResolvers<void>();
  const server = await mailServer({
    beforeAnswer: () => {
      arrived.resolve();
      return new Promise(() => undefined);
    },
  });
  await queue();
  const started = sender(smtp(server.url), { stopGraceMs: 50, retryDelaysMs: [minuteMs] });
  await arrived.promise;
  await started.stop();
  expect((await stored())[0]).toMatchObject({ attempts: 1, last_error: "EABORT" });
});

test("a mail whose sender died is due again after its lease, and counts that attempt", async () => {
  const server = await mailServer();
  await queue({ template: "welcome", name: "Ada" });
  await database.db
    .updateTable("mails")
    .set({ attempts: 1, next_attempt_at: new Date(clock.now().getTime() + 5 * minuteMs) })
    .execute();
  sender(smtp(server.url));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(server.offered).toBe(0);
  clock.advance(5 * minuteMs);
  await server.waitFor(() => true);
});

test("without a mail server the text goes to the log", async () => {
  await queue();
  sender(createLogTransport(log));
  await storeIsEmpty();
  const lines = logLines.map((line) => JSON.parse(line)).filter((line) => "mail" in line);
  expect(lines).toHaveLength(1);
  expect(lines[0].level).toBe(30);
  expect(lines[0].mail.slice(0, 2)).toEqual(["To: ada@example.org", "Subject: Reset your password"]);
  expect(lines[0].mail).toContain("http://photos.test/account/reset-password#token=ocelli_at_reset");
});

test("the service sends through SMTP_URL as MAIL_FROM, with links to PUBLIC_URL", async () => {
  const server = await mailServer({ auth: { user: "ocelli", pass: "a mail password" } });
  await queue();
  const service = await startAuth({
    databaseUrl: postgres.url,
    clock,
    env: {
      SMTP_URL: server.url,
      MAIL_FROM: "Photos of Ada <photos@example.org>",
      PUBLIC_URL: "https://example.org/photos/",
      AUTH_KEY_SECRET: secret.reveal(),
    },
  });
  releases.push(() => service.stop());
  const mail = await server.waitFor(() => true);
  expect(mail.from).toEqual({ name: "Photos of Ada", address: "photos@example.org" });
  expect(mail.text).toContain("https://example.org/photos/account/reset-password#token=ocelli_at_reset");
  expect(service.logLines.join("")).not.toContain("mail password");
});
