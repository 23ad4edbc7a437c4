import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TOTP } from "otpauth";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { environmentOf, ocelli, ocelliUp } from "./ocelli-process.ts";

const password = "a good long passphrase";
const base = mkdtempSync(join(tmpdir(), "ocelli-auth-"));
const dataDir = join(base, "data");
const env = environmentOf(dataDir);
const databaseUrlFile = join(dataDir, "database-url");

afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Runs a command that must succeed. */
async function run(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await ocelli(env, args, input);
  expect(`${code} ${code === 0 ? "" : stderr}`).toBe("0 ");
  return stdout.trim();
}

/** Runs a command that must fail with one line. */
async function fail(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await ocelli(env, args, input);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr.trim()).toMatch(/^ocelli: [^\n]+$/);
  return stderr.trim();
}

const create = (email: string, ...more: string[]) =>
  run(
    ["user", "create", "--email", email, "--name", "Somebody", "--password-stdin", ...more],
    `${password}\n`,
  );

describe("an installation that was never started", () => {
  test("gets its first account, an administrator, and a second that is none", async () => {
    expect(await create("chief@example.org")).toMatch(/^created chief@example\.org \([0-9a-f-]{36}\)$/);
    await create("ada@example.org");
    const list = await run(["user", "list"]);
    expect(list.split("\n").map((line) => line.split(/ {2,}/).slice(1, 4))).toEqual([
      ["EMAIL", "ROLE", "STATE"],
      ["chief@example.org", "admin", "enabled"],
      ["ada@example.org", "user", "enabled"],
    ]);
    expect((await run(["user", "list", "ADA@"])).split("\n")).toHaveLength(2);
  });

  test("is let go after every command, whatever became of it", () => {
    expect(readdirSync(dataDir).toSorted()).toEqual(["database", "layout"]);
  });
});

describe("a running installation", () => {
  let running: Awaited<ReturnType<typeof ocelliUp>>;
  beforeAll(async () => {
    running = await ocelliUp(env);
  });
  afterAll(() => running?.stop());

  const login = async (email: string, secret = password) => {
    const response = await fetch(`${running.url}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email, password: secret }),
    });
    const body: unknown = await response.json();
    const token = isRecord(body) ? body.accessToken : undefined;
    return { status: response.status, token: String(token) };
  };
  const statusOf = async (credential: string) => {
    const headers: Record<string, string> = credential.startsWith("ocelli_ak_")
      ? { "x-api-key": credential }
      : { authorization: `Bearer ${credential}` };
    return (await fetch(`${running.url}/api/v1/users/me`, { headers })).status;
  };
  const untilRefused = (token: string) =>
    vi.waitFor(async () => expect(await statusOf(token)).toBe(401), { timeout: 10_000, interval: 100 });

  test("tells this user alone where its database is", () => {
    expect(statSync(databaseUrlFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(databaseUrlFile, "utf8")).toMatch(/^postgresql:\/\//);
  });

  test("hears of a disabled account within seconds, and of one enabled again", async () => {
    const { status, token } = await login("ada@example.org");
    expect({ status, me: await statusOf(token) }).toEqual({ status: 200, me: 200 });
    await run(["user", "disable", "ada@example.org"]);
    await untilRefused(token);
    expect((await login("ada@example.org")).status).toBe(403);
    await run(["user", "enable", "ADA@Example.org"]);
    expect((await login("ada@example.org")).status).toBe(200);
  });

  test("takes a password that was set, and no longer the old one", async () => {
    const { token } = await login("ada@example.org");
    await run(["user", "reset-password", "ada@example.org", "--password-stdin"], "another good passphrase\n");
    await untilRefused(token);
    expect((await login("ada@example.org")).status).toBe(401);
    expect((await login("ada@example.org", "another good passphrase")).status).toBe(200);
  });

  test("takes a password chosen by a link that was printed", async () => {
    const link = await run(["user", "reset-password", "ada@example.org"]);
    const [page, resetToken] = link.split("#token=");
    expect(page).toBe("http://localhost:8080/account/reset-password");
    const response = await fetch(`${running.url}/api/v1/auth/password/reset`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: resetToken, newPassword: password }),
    });
    expect(response.status).toBeLessThan(300);
    expect((await login("ada@example.org")).status).toBe(200);
  });

  test("ends every session of an account, which stays open", async () => {
    const { token } = await login("ada@example.org");
    expect(await run(["user", "end-sessions", "ada@example.org"])).toMatch(
      /^ended \d+ sessions? of ada@example\.org \(/,
    );
    await untilRefused(token);
    expect((await login("ada@example.org")).status).toBe(200);
  });

  test("lets in who lost the second factor once it was reset", async () => {
    const { token } = await login("ada@example.org");
    const send = async (path: string, body: object) => {
      const response = await fetch(`${running.url}/api/v1/auth/two-factor${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
      const answer: unknown = await response.json();
      return isRecord(answer) ? String(answer.secret ?? response.status) : "";
    };
    expect(await fail(["user", "reset-two-factor", "ada@example.org"])).toContain("TWO_FACTOR_NOT_ENABLED");
    const secret = await send("", { password });
    const code = new TOTP({ secret }).generate();
    expect(await send("/confirm", { code })).toBe("200");
    expect((await login("ada@example.org")).status).toBe(401);
    expect(await run(["user", "reset-two-factor", "ada@example.org"])).toMatch(
      /^took the second factor off ada@example\.org \(/,
    );
    expect((await login("ada@example.org")).status).toBe(200);
  });

  test("takes an API key until it is deleted", async () => {
    const { code, stdout, stderr } = await ocelli(env, [
      ...["key", "create", "--user", "ada@example.org", "--name", "Script"],
      ...["--scopes", "photos:read, profile", "--expires", "90d"],
    ]);
    expect(code).toBe(0);
    const key = stdout.trim();
    expect(key).toMatch(/^ocelli_ak_[\w-]{43}$/);
    expect(stderr).not.toContain(key);
    expect(await statusOf(key)).toBe(200);
    const list = await run(["key", "list", "--user", "ada@example.org"]);
    expect(list).not.toContain(key);
    expect(list).toMatch(/photos:read,profile +\d{4}-.*Script$/m);
    const id = /^[0-9a-f-]{36}/m.exec(list)?.[0] ?? "";
    await run(["key", "delete", id, "--user", "ada@example.org"]);
    await untilRefused(key);
  });

  test("takes a service account until it is deleted", async () => {
    const secret = await run(["service-account", "create", "--name", "importer", "--scopes", "photos:write"]);
    expect(secret).toMatch(/^ocelli_sa_[\w-]{43}$/);
    expect(await run(["service-account", "list"])).toMatch(/importer +photos:write +any/);
    await run(["service-account", "delete", "importer"]);
    expect(await run(["service-account", "list"])).not.toContain("importer");
  });

  test("keeps everybody logged in while its keys are rotated", async () => {
    const { token } = await login("chief@example.org");
    expect(await run(["auth", "rotate-keys"])).toMatch(/^key [\w-]{43} signs from \d{4}-/);
    expect(await statusOf(token)).toBe(200);
  });

  test("replays its events", async () => {
    expect(await run(["events", "replay", "auth"])).toMatch(/^\d+ events of auth will be delivered again$/);
    expect(await run(["events", "dead-letters", "auth"])).toMatch(/^SINCE +CONSUMER .*ATTEMPTS$/);
    expect(await fail(["events", "dead-letters", "gateway"])).toContain("unknown service");
  });

  test.each([
    ["the last administrator", ["user", "disable", "chief@example.org"], /LAST_ADMIN/],
    ["an account that is not there", ["user", "enable", "nobody@example.org"], /USER_NOT_FOUND/],
    ["sessions of nobody", ["user", "end-sessions", "nobody@example.org"], /USER_NOT_FOUND/],
    ["what is no account", ["user", "reset-password", "' or 1=1 --"], /USER_NOT_FOUND/],
    ["an unknown role", ["user", "set-role", "chief@example.org", "root"], /role must be user or admin/],
    [
      "an unknown scope",
      ["key", "create", "--user", "chief@example.org", "--name", "K", "--scopes", "everything"],
      /scopes.* must be of photos:read/,
    ],
    [
      "no duration",
      [
        "key",
        "create",
        "--user",
        "chief@example.org",
        "--name",
        "K",
        "--scopes",
        "search",
        "--expires",
        "soon",
      ],
      /--expires must be a duration/,
    ],
    [
      "a database that is not there",
      ["user", "list", "--database", "postgresql://127.0.0.1:1/x"],
      /cannot be used/,
    ],
    [
      "no password",
      ["user", "create", "--email", "b@example.org", "--name", "B", "--password-stdin"],
      /no password came on stdin/,
    ],
    ["no terminal", ["user", "create", "--email", "b@example.org", "--name", "B"], /--password-stdin/],
  ])("one line about %s", async (_, args, line) => {
    expect(await fail(args)).toMatch(line);
  });

  test("one line about a bad password, which does not hold it", async () => {
    const args = ["user", "create", "--email", "b@example.org", "--name", "B", "--password-stdin"];
    expect(await fail(args, "hunter2\n")).toMatch(/password must have at least 8 characters/);
    expect(await fail(args, "x".repeat(5000))).toMatch(/too long/);
    expect(await fail(args, "password123\n")).not.toContain("password123");
  });

  test("deletes an account, which ends its sessions", async () => {
    const { token } = await login("ada@example.org");
    expect(await fail(["user", "delete", "ada@example.org"])).toContain("--yes");
    await run(["user", "delete", "ada@example.org", "--yes"]);
    await untilRefused(token);
    expect(await fail(["user", "disable", "ada@example.org"])).toContain("USER_NOT_FOUND");
  });
});

describe("a stopped installation", () => {
  test("has no trace of where its database was, and is administered all the same", async () => {
    expect(existsSync(databaseUrlFile)).toBe(false);
    // What a killed process would leave.
    writeFileSync(databaseUrlFile, "postgresql://nobody@localhost/nothing");
    expect(await run(["user", "list"])).toContain("chief@example.org");
    expect(existsSync(databaseUrlFile)).toBe(false);
  });

  test("tells what is wrong in one line, and is let go", async () => {
    expect(await fail(["user", "disable", "chief@example.org"])).toMatch(/LAST_ADMIN/);
    expect(readdirSync(dataDir)).not.toContain("lock");
  });

  test("held by another process without a database is left alone", async () => {
    const lock = join(dataDir, "lock");
    // This process stands for it: any whose command line holds main.ts.
    const other = join(base, "main.ts");
    writeFileSync(other, "setInterval(() => {}, 1000); console.log('up')");
    const child = spawn(process.execPath, [other], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      await new Promise((resolve) => child.stdout.once("data", resolve));
      writeFileSync(lock, String(child.pid));
      expect(await fail(["user", "list"])).toContain(`process ${child.pid} holds the data directory`);
    } finally {
      child.kill();
      rmSync(lock, { force: true });
    }
  });
});

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
