import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client, tokensSchema } from "./harness/client.ts";
import {
  everywhere,
  type GrpcServices,
  grpcAddress,
  openServices,
  welcome,
} from "./harness/grpc-services.ts";
import {
  dataDirectory,
  type OcelliProcess,
  removeFolders,
  runOcelli,
  startOcelli,
} from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";

const settings = {
  OCELLI_DATA: dataDirectory(),
  OCELLI_EVENTS: "in-process",
  RATE_LIMIT_AUTH: "off",
};
let ocelli: OcelliProcess;
let services: GrpcServices;
let admin: Client;

async function start(env: NodeJS.ProcessEnv = {}): Promise<void> {
  ocelli = await startOcelli(["up"], { ...settings, ...env });
  services = openServices((name) => grpcAddress(ocelli, name));
}

async function stop(): Promise<void> {
  services?.close();
  await ocelli?.end("SIGTERM");
}

beforeAll(async () => {
  await start();
  admin = await Client.signedUp(ocelli.address, "admin@example.org");
});

afterAll(async () => {
  await stop();
  removeFolders();
});

const signedUp = (name: string) => Client.signedUp(ocelli.address, `${name}@example.org`);
const anonymous = () => new Client(ocelli.address);
const another = (name: string) => anonymous().logIn({ email: `${name}@example.org` });
const sessionOf = (client: Client) => z.uuid().parse(decodeJwt(client.token).sid);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

const refresh = (refreshToken: string) => anonymous().post("/auth/refresh", { refreshToken });
const refreshed = async (refreshToken: string) =>
  tokensSchema.parse(await (await refresh(refreshToken)).json());

const listSchema = z.object({
  items: z.array(
    z.object({
      id: z.uuid(),
      current: z.boolean(),
      method: z.string(),
      userAgent: z.string(),
      address: z.string(),
    }),
  ),
});
const sessionsOf = async (client: Client) =>
  listSchema.parse(await (await client.request("/auth/sessions")).json()).items;

async function auditOf(action: string, userId: string) {
  const entry = z.object({
    targetId: z.string().nullable(),
    outcome: z.string(),
    reason: z.string().nullable(),
  });
  const answer = await admin.request(`/audit?action=${action}&userId=${userId}`);
  return z.object({ items: z.array(entry) }).parse(await answer.json()).items;
}

/** An ended session's access token is refused everywhere within a second: it has ten minutes to live otherwise. */
async function expectDeadEverywhere(token: string): Promise<void> {
  await expect
    .poll(() => services.outcomes(token), { timeout: 5000, interval: 20 })
    .toEqual(everywhere("UNAUTHENTICATED TOKEN_REVOKED"));
}

/** Key ids that the gateway publishes. */
async function publishedKeys(): Promise<(string | undefined)[]> {
  const answer = await fetch(`${ocelli.address}/.well-known/jwks.json`);
  return z
    .object({ keys: z.array(z.looseObject({ kid: z.string(), d: z.undefined().optional() })) })
    .parse(await answer.json())
    .keys.map(({ kid }) => kid);
}

describe("ending a session", () => {
  test("by logout: its access token is refused at once by the gateway and by every service", async () => {
    const client = await signedUp("logout");
    const stays = await another("logout");
    expect(await services.outcomes(client.token)).toEqual(welcome);
    const body = { refreshToken: client.refreshToken };
    expect(await outcomeOf(anonymous().post("/auth/logout", body))).toBe("204");

    expect(await outcomeOf(client.request("/photos"))).toBe("401 TOKEN_REVOKED");
    expect(await outcomeOf(client.sendFile("/photos", photoBytes("coffee.png"), "a.png"))).toBe(
      "401 TOKEN_REVOKED",
    );
    await expectDeadEverywhere(client.token);
    expect(await outcomeOf(refresh(client.refreshToken))).toBe("401 INVALID_REFRESH_TOKEN");
    // Only that one.
    expect(await services.outcomes(stays.token)).toEqual(welcome);
    expect(await sessionsOf(stays)).toHaveLength(1);
    // Again, and with what never was a token: alike.
    expect(await outcomeOf(anonymous().post("/auth/logout", body))).toBe("204");
    expect(await outcomeOf(anonymous().post("/auth/logout", { refreshToken: "ocelli_rt_nonsense" }))).toBe(
      "204",
    );
  });

  test("by logout over gRPC: the gateway and every other service hear of it", async () => {
    const client = await signedUp("grpc-logout");
    expect(await services.outcomes(client.token)).toEqual(welcome);
    await services.auth.logout({ refreshToken: client.refreshToken });
    await expectDeadEverywhere(client.token);
    await expect
      .poll(() => outcomeOf(client.request("/photos")), { timeout: 5000, interval: 20 })
      .toBe("401 TOKEN_REVOKED");
  });

  test("from the list: one, then all others; those of somebody else do not exist", async () => {
    const client = await signedUp("list");
    const phone = await another("list");
    const tablet = await another("list");
    const sessions = await sessionsOf(client);
    expect(sessions.map(({ id }) => id).sort()).toEqual([client, phone, tablet].map(sessionOf).sort());
    expect(sessions.filter(({ current }) => current).map(({ id }) => id)).toEqual([sessionOf(client)]);
    expect(sessions[0]).toMatchObject({
      method: "password",
      userAgent: client.userAgent,
      address: "127.0.0.1",
    });

    const stranger = await signedUp("stranger");
    for (const id of [sessionOf(client), crypto.randomUUID(), "nonsense"])
      expect(await outcomeOf(stranger.send("DELETE", `/auth/sessions/${id}`))).toBe("404 SESSION_NOT_FOUND");
    expect(await outcomeOf(client.request("/photos"))).toBe("200");

    expect(await outcomeOf(client.send("DELETE", `/auth/sessions/${sessionOf(phone)}`))).toBe("204");
    expect(await outcomeOf(phone.request("/photos"))).toBe("401 TOKEN_REVOKED");
    await expectDeadEverywhere(phone.token);
    expect(await outcomeOf(tablet.request("/photos"))).toBe("200");
    const others = await client.send("DELETE", "/auth/sessions");
    expect(await others.json()).toEqual({ revoked: 1 });
    expect(await outcomeOf(tablet.request("/photos"))).toBe("401 TOKEN_REVOKED");
    await expectDeadEverywhere(tablet.token);
    expect(await outcomeOf(refresh(tablet.refreshToken))).toBe("401 INVALID_REFRESH_TOKEN");
    expect((await sessionsOf(client)).map(({ id }) => id)).toEqual([sessionOf(client)]);
    expect(await auditOf("session.revoked", await client.id())).toHaveLength(2);
  });
});

describe("refreshing", () => {
  test("gives a new pair; the old one gives the same successor again for a while", async () => {
    const client = await signedUp("refresh");
    const first = await refreshed(client.refreshToken);
    expect(first.refreshToken).not.toBe(client.refreshToken);
    expect(decodeJwt(first.accessToken).sid).toBe(sessionOf(client));
    expect((await refreshed(client.refreshToken)).refreshToken).toBe(first.refreshToken);
    const second = await refreshed(first.refreshToken);
    expect(await outcomeOf(new Client(ocelli.address).use(second).request("/photos"))).toBe("200");
    for (const bad of [`${second.refreshToken}x`, second.accessToken, "ocelli_rt_", "x".repeat(1000)])
      expect(await outcomeOf(refresh(bad))).toBe("401 INVALID_REFRESH_TOKEN");
  });

  test("100 times at once with one token has one outcome: one successor, one session", async () => {
    const client = await signedUp("parallel");
    const pairs = await Promise.all(Array.from({ length: 100 }, () => refreshed(client.refreshToken)));
    expect(new Set(pairs.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    const [{ refreshToken = "", accessToken = "" } = {}] = pairs;
    expect((await sessionsOf(client.use({ refreshToken, accessToken }))).map(({ id }) => id)).toEqual([
      sessionOf(client),
    ]);
    expect(await outcomeOf(refresh(refreshToken))).toBe("200");
  });
});

describe("signing keys", () => {
  test("are replaced while Ocelli runs: tokens of the old one live on, new ones carry the new id", async () => {
    const client = await signedUp("rotation");
    const oldKid = kidOf(client.token);
    const { code, stdout, stderr } = await runOcelli(["auth", "rotate-keys"], settings);
    expect(code, stderr).toBe(0);
    const newKid = /^key (\S+) signs from/.exec(stdout)?.[1];
    expect(newKid).not.toBe(oldKid);
    expect((await publishedKeys()).sort()).toEqual([oldKid, newKid].sort());
    // Replicas go by what they read for ten seconds, and the new key waits until every verifier can know it.
    let { accessToken, refreshToken } = await refreshed(client.refreshToken);
    await expect
      .poll(
        async () => {
          ({ accessToken, refreshToken } = await refreshed(refreshToken));
          return kidOf(accessToken);
        },
        { timeout: 80_000, interval: 500 },
      )
      .toBe(newKid);
    const renewed = anonymous().use({ accessToken, refreshToken });
    expect(await services.outcomes(renewed.token)).toEqual(welcome);
    expect(await outcomeOf(renewed.request("/photos"))).toBe("200");
    expect(kidOf(client.token)).toBe(oldKid);
    expect(await services.outcomes(client.token)).toEqual(welcome);
    expect(await outcomeOf(client.request("/photos"))).toBe("200");
    const rotations = z
      .object({ items: z.array(z.object({ actor: z.string(), targetId: z.string() })) })
      .parse(await (await admin.request("/audit?action=signing-keys.rotated")).json());
    expect(rotations.items).toEqual([{ actor: "operator", targetId: newKid }]);
  }, 120_000);
});

// Last: it starts Ocelli anew, without a grace.
describe("after a restart", () => {
  let client: Client;
  let ended: Client;
  let keysBefore: unknown;

  beforeAll(async () => {
    client = await signedUp("restart");
    ended = await another("restart");
    await anonymous().post("/auth/logout", { refreshToken: ended.refreshToken });
    keysBefore = await publishedKeys();
    await stop();
    await start({ AUTH_REFRESH_GRACE: "0s" });
    // At a new address; the tokens stay.
    const moved = (old: Client) =>
      anonymous().use({ accessToken: old.token, refreshToken: old.refreshToken });
    [client, ended, admin] = [moved(client), moved(ended), moved(admin)];
  });

  test("sessions, keys and what was revoked are as before", async () => {
    expect(await publishedKeys()).toEqual(keysBefore);
    expect(await outcomeOf(client.request("/photos"))).toBe("200");
    expect(await services.outcomes(client.token)).toEqual(welcome);
    await expectDeadEverywhere(ended.token);
    expect(await outcomeOf(ended.request("/photos"))).toBe("401 TOKEN_REVOKED");
    expect(await outcomeOf(refresh(ended.refreshToken))).toBe("401 INVALID_REFRESH_TOKEN");
    client.use(await refreshed(client.refreshToken));
    expect(await outcomeOf(client.request("/photos"))).toBe("200");
  });

  test("a refresh token used again after the grace ends the whole family, and is in the audit log", async () => {
    const thief = await another("restart");
    const userId = await client.id();
    const stolen = thief.refreshToken;
    const owner = anonymous().use(await refreshed(stolen));
    expect(await outcomeOf(owner.request("/photos"))).toBe("200");

    expect(await outcomeOf(refresh(stolen))).toBe("401 INVALID_REFRESH_TOKEN");
    await expectDeadEverywhere(owner.token);
    expect(await outcomeOf(owner.request("/photos"))).toBe("401 TOKEN_REVOKED");
    expect(await outcomeOf(refresh(owner.refreshToken))).toBe("401 INVALID_REFRESH_TOKEN");
    expect(await auditOf("session.reuse-detected", userId)).toEqual([
      { targetId: sessionOf(owner), outcome: "failure", reason: "REFRESH_TOKEN_REUSED" },
    ]);
    // Another login of the same user is none of this.
    expect(await outcomeOf(client.request("/photos"))).toBe("200");
  });

  test("100 parallel uses without a grace: the family ends, and nobody keeps a way in", async () => {
    const session = await another("restart");
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const response = await refresh(session.refreshToken);
        return response.status === 200 ? tokensSchema.parse(await response.json()) : outcomeOf(response);
      }),
    );
    const pairs = answers.filter((answer) => typeof answer !== "string");
    expect(pairs.length).toBeLessThan(100);
    expect(new Set(answers.filter((answer) => typeof answer === "string"))).toEqual(
      new Set(["401 INVALID_REFRESH_TOKEN"]),
    );
    for (const pair of pairs) {
      expect(await outcomeOf(refresh(pair.refreshToken))).toBe("401 INVALID_REFRESH_TOKEN");
      await expectDeadEverywhere(pair.accessToken);
    }
  });
});
