import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ConfigError, loadSettings, optionalSetting, setting, withSettingFiles } from "./settings.ts";
import * as types from "./types.ts";

const folder = mkdtempSync(join(tmpdir(), "ocelli-setting-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings = {
  key: setting("KEY", types.secret, { doc: "The key.", confidential: true }),
  database: optionalSetting("DATABASE_URL", types.url("postgres"), { doc: "Where.", confidential: true }),
  port: setting("PORT", types.integer(1, 10), { doc: "Port.", default: 5 }),
};
const good = "sixteen-letters-x";

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("a setting from a file", () => {
  test.each([
    ["as it is", good],
    ["without the newline at its end", `${good}\n`],
    ["without other white space at its ends", `\n ${good}\r\n\n`],
  ])("is read %s", (_, content) => {
    const { key } = loadSettings(settings, { KEY_FILE: file("key", content) });
    expect(key.reveal()).toBe(good);
  });

  test("is found through a link, as Kubernetes mounts secrets", () => {
    symlinkSync(file("key", good), join(folder, "link"));
    expect(loadSettings(settings, { KEY_FILE: join(folder, "link") }).key.reveal()).toBe(good);
  });

  test("is checked like any other, and never shown", () => {
    const DATABASE_URL_FILE = file("url", "http://user:very-private@host/\n");
    const load = () => loadSettings(settings, { KEY: good, DATABASE_URL_FILE });
    expect(load).toThrow(/DATABASE_URL: must be a URL starting with postgres/);
    expect(load).not.toThrow(/very-private/);
  });

  test("is refused beside the variable itself", () => {
    const load = () => loadSettings(settings, { KEY: good, KEY_FILE: file("key", good) });
    expect(load).toThrow("KEY and KEY_FILE are both set; leave one of them out");
  });

  test("takes an empty variable for unset, either way", () => {
    expect(loadSettings(settings, { KEY: good, KEY_FILE: " " }).key.reveal()).toBe(good);
    expect(loadSettings(settings, { KEY: "", KEY_FILE: file("key", good) }).key.reveal()).toBe(good);
  });

  test.each<[string, () => string, RegExp]>([
    ["is not there", () => join(folder, "missing"), /KEY_FILE: .*missing cannot be read \(ENOENT\)/],
    ["is a folder", () => folder, /cannot be read \(it is no regular file\)/],
    ["is empty", () => file("empty", "\n"), /empty is empty/],
    ["is too long", () => file("long", "x".repeat(65_537)), /has more than 65536 bytes/],
    ["is not text", () => file("binary", Buffer.from([0xff, 0xfe, 0x00])), /is not UTF-8 text/],
  ])("is a clear error when it %s", (_, path, message) => {
    const load = () => loadSettings(settings, { KEY_FILE: path() });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(message);
  });

  test("does not wait for a pipe that nobody writes to", () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    expect(() => loadSettings(settings, { KEY_FILE: pipe })).toThrow(/it is no regular file/);
  });

  test("is named together with everything else that is wrong", () => {
    const load = () => loadSettings(settings, { KEY_FILE: join(folder, "missing"), PORT: "11" });
    expect(load).toThrow(/KEY_FILE: .*; PORT: must be/);
  });

  test("does not exist for settings that are no secret", () => {
    expect(loadSettings(settings, { KEY: good, PORT_FILE: file("port", "7") }).port).toBe(5);
  });
});

describe("the environment with the contents of files", () => {
  test("has what could be read in place of its file", () => {
    const env = { KEY_FILE: file("key", `${good}\n`), PORT: "7", OTHER_FILE: "/nowhere" };
    expect(withSettingFiles([settings], env)).toEqual({ KEY: good, PORT: "7", OTHER_FILE: "/nowhere" });
    expect(env).toHaveProperty("KEY_FILE");
  });

  test("leaves what cannot be read for the check that names every problem", () => {
    mkdirSync(join(folder, "folder"), { recursive: true });
    const env = { KEY_FILE: join(folder, "folder"), DATABASE_URL: "a", DATABASE_URL_FILE: file("url", "b") };
    expect(withSettingFiles([settings], env)).toEqual(env);
  });
});
